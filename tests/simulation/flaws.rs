//! Faults that are put in on purpose, beside those that are told to the disk.

use crate::coordinator::Coordinator;
use crate::network::{Content, Letter};
use crate::services::replied;
use crate::world::{Flaw, World};
use coordinator::driver::Request;
use coordinator::scheduler::{Completed, Synchronization};
use proto::ids::{Lease, WorkerId};
use proto::wire::{CompleteRequest, SynchronizeRequest};
use tokio::sync::oneshot;
use worker::agent::Call;

impl World {
    /// The flaw of a coordinator to whom a lease that has run out is none: the worker is told to stop.
    pub(crate) fn expire(&self, coordinator: &Coordinator, request: &mut SynchronizeRequest) -> Vec<Lease> {
        if self.flaw != Some(Flaw::ExpiryKills) {
            return Vec::new();
        }
        let Ok(worker) = request.worker.parse::<WorkerId>() else { return Vec::new() };
        let is_lapsed =
            |lease: &Lease| coordinator.state().job(lease.job).is_some_and(|job| job.is_lapsed(lease, worker));
        let lapsed: Vec<_> =
            request.held.iter().filter_map(|lease| Lease::try_from(lease).ok()).filter(is_lapsed).collect();
        request.held.retain(|lease| Lease::try_from(lease).is_ok_and(|lease| !lapsed.contains(&lease)));
        lapsed
    }

    /// The flaw of a coordinator that grants a worker what it has just let lapse, though the worker holds it still.
    pub(crate) fn grant_lapsed(
        &mut self,
        coordinator: &mut Coordinator,
        letter: &Letter,
        worker: WorkerId,
        reply: Completed,
    ) -> Completed {
        let (Some(Flaw::GrantsLapsedToAsker), Completed::Recorded(mut grants)) = (self.flaw, reply.clone()) else {
            return reply;
        };
        let Content::Call(call) = &letter.content else { return reply };
        let Call::Complete(CompleteRequest { held, free_slots, .. }) = &**call else { return reply };
        let held: Vec<_> = held.iter().filter_map(|lease| Lease::try_from(lease).ok()).collect();
        let is_valid = |lease: &&Lease| {
            coordinator.state().job(lease.job).is_some_and(|job| job.holder_of(lease, worker).is_some())
        };
        let held = held.iter().filter(is_valid).chain(grants.iter().map(|grant| &grant.lease)).copied().collect();
        let free_slots = free_slots.saturating_sub(grants.len() as u32);
        let request = Synchronization { held, free_slots, ..Synchronization::default() };
        let clock = coordinator.clock(self.now);
        let (sender, mut more) = oneshot::channel();
        if coordinator.core.handle(clock, Request::Synchronize(worker, request, sender)).is_ok()
            && let Ok(written) = coordinator.core.write(clock)
        {
            written.answer();
            grants.extend(replied(&mut more).into_iter().flatten().flat_map(|reply| reply.grants));
        }
        Completed::Recorded(grants)
    }
}
