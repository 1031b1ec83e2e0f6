//! What an attempt keeps beside its result: the weights of the selected epoch, and checkpoints at which a later attempt goes on.
//!
//! Each attempt writes its checkpoints into a file of its own, so one that was replaced and does not know it harms no other. A training
//! never fails because something cannot be kept: that is said in the log.

use crate::train::{Checkpoint, Session, TrainError};
use crate::weights::{self, About};
use proto::artifact_store::{ArtifactStore, checkpoint_name, checkpoints_of, weights_name};
use proto::convert::{InvalidMessage, required};
use proto::error_chain;
use proto::extras::{KeptWeights, Wanted};
use proto::ids::{Lease, WeightsHash};
use proto::measure::JobResult;
use proto::text::Line;
use proto::wire::TrainRequest;
use std::error::Error;
use std::time::Duration;

/// The waits between the tries to write weights: a training's result is worth them.
const WAITS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(4), Duration::from_secs(16)];

/// Keeps what one attempt is to keep.
pub(super) struct Keeper {
    pub(super) wanted: Wanted,
    store: ArtifactStore,
    lease: Lease,
    /// The checkpoints of earlier attempts, until this one has written its own.
    earlier: Vec<String>,
}

impl Keeper {
    /// The keeper of the attempt that is asked for.
    ///
    /// # Errors
    /// If the request names no attempt.
    pub(super) fn new(store: ArtifactStore, request: &TrainRequest) -> Result<Self, InvalidMessage> {
        let TrainRequest { examples, keep_weights, checkpoint_every, lease, .. } = request;
        let wanted = Wanted { examples: *examples, weights: *keep_weights, checkpoint_every: *checkpoint_every };
        Ok(Self { wanted, store, lease: required(lease.as_ref(), "lease")?.try_into()?, earlier: Vec::new() })
    }

    /// The training where the last checkpoint of an earlier attempt left it, else at its beginning.
    ///
    /// # Errors
    /// If there is no such training.
    pub(super) fn resumed<'a>(
        &mut self,
        new: impl Fn() -> Result<Session<'a>, TrainError>,
    ) -> Result<Session<'a>, TrainError> {
        if self.wanted.checkpoint_every == 0 {
            return new();
        }
        self.earlier = self.store.list(&checkpoints_of(self.lease.job)).unwrap_or_else(|error| {
            tracing::warn!("{error}: no checkpoint of an earlier attempt is found, the training begins anew");
            Vec::new()
        });
        let mut found: Vec<_> = self.earlier.iter().filter_map(|name| Some((name, self.read(name)?))).collect();
        found.sort_by_key(|(_, checkpoint)| std::cmp::Reverse(checkpoint.epoch()));
        for (name, checkpoint) in found {
            let mut session = new()?;
            match session.resume(&checkpoint) {
                Ok(()) => {
                    tracing::info!("goes on after epoch {} of checkpoint {}/{name}", session.epochs_done(), self.store);
                    return Ok(session);
                }
                Err(error) => self.refuse(name, &error),
            }
        }
        new()
    }

    /// A checkpoint, if it can be used.
    fn read(&self, name: &str) -> Option<Checkpoint> {
        let bytes = match self.store.get(name) {
            Ok(bytes) => bytes?,
            Err(error) => {
                tracing::warn!("{error}: the training does not go on at this checkpoint");
                return None;
            }
        };
        Checkpoint::decode(bytes).map_err(|error| self.refuse(name, &error)).ok()
    }

    fn refuse(&self, name: &str, error: &dyn Error) {
        let (store, reason) = (&self.store, error_chain::line(error));
        tracing::warn!("checkpoint {store}/{name} is not used: {reason}; the epochs up to it are trained again");
    }

    /// Writes a checkpoint, if one is due.
    pub(super) fn after_epoch(&mut self, session: &Session<'_>) {
        let every = self.wanted.checkpoint_every;
        if every == 0 || !session.epochs_done().is_multiple_of(every) {
            return;
        }
        let name = checkpoint_name(&self.lease);
        let written = match session.checkpoint() {
            Ok(bytes) => self.store.put(&name, &bytes).map_err(|error| error_chain::line(&error)),
            Err(error) => Err(error_chain::line(&error)),
        };
        if let Err(reason) = written {
            let epoch = session.epochs_done();
            tracing::warn!(
                "no checkpoint after epoch {epoch}: {reason}; the training goes on, make room or access (--artifacts)"
            );
            return;
        }
        tracing::debug!("checkpoint after epoch {}: {}/{name}", session.epochs_done(), self.store);
        for old in self.earlier.drain(..).filter(|old| *old != name) {
            if let Err(error) = self.store.remove(&old) {
                tracing::warn!("{error}: an old checkpoint stays there");
            }
        }
    }

    /// Keeps the weights that the result is of, if they are wanted and there are any.
    pub(super) fn keep_weights(&self, session: &Session<'_>, result: &JobResult) -> Option<KeptWeights> {
        if !self.wanted.weights || result.best_epoch == 0 {
            return None;
        }
        let about = About::new(session.spec(), result.best_epoch, result.split_hash, session.standard());
        let bytes = match weights::encode(&about, session.network()) {
            Ok(bytes) => bytes,
            Err(error) => {
                tracing::error!("the weights are not kept: {}", error_chain::line(&error));
                return None;
            }
        };
        let hash = WeightsHash::of(&bytes);
        let name = weights_name(self.lease.job, hash);
        let mut waits = WAITS.iter();
        while let Err(error) = self.store.put(&name, &bytes) {
            let Some(wait) = waits.next() else {
                tracing::error!("{error}: the weights of this job are not kept; make room or access (--artifacts)");
                return None;
            };
            tracing::warn!("{error}: tries again in {} s", wait.as_secs());
            std::thread::sleep(*wait);
        }
        let host = hostname::get().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let place = if self.store.is_shared() { self.store.to_string() } else { format!("{host}:{}", self.store) };
        Some(KeptWeights { hash, bytes: bytes.len() as u64, place: Line::name(&place) })
    }
}
