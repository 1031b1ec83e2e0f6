//! Which call is for whom: all of it.

use crate::identity::Role;
use proto::ids::WorkerId;
use std::fmt;

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::serve) enum Holder {
    /// Somebody unknown, at a call that is for everybody.
    Anyone,
    /// The coordinator does not tell roles apart: it has no certificates.
    All,
    /// Somebody with the token of a role.
    Token(Role),
    /// A worker with a certificate.
    Worker(WorkerId),
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anyone | Self::All => f.write_str("this"),
            Self::Token(role) => write!(f, "{}.token", role.name()),
            Self::Worker(_) => f.write_str("a worker's certificate"),
        }
    }
}

/// Whom a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum For {
    /// Everybody, without a token.
    Everybody,
    /// Whoever has a token or a certificate.
    Known,
    /// Workers that have or want a certificate.
    Joining,
    /// Workers with a certificate.
    Workers,
    /// Submitters.
    Submitters,
    /// Submitters and readers.
    Readers,
}

/// A call, or all calls of a service.
#[derive(Debug)]
pub(super) struct Row {
    path: &'static str,
    is_for: For,
}

/// A path that ends with a slash stands for all calls of the service.
const TABLE: [Row; 18] = [
    Row { path: "/grpc.health.v1.Health/", is_for: For::Everybody },
    Row { path: "/grpc.reflection.v1.ServerReflection/", is_for: For::Known },
    Row { path: "/sweep.v1.Enrolment/Enrol", is_for: For::Joining },
    Row { path: "/sweep.v1.Fleet/Register", is_for: For::Workers },
    Row { path: "/sweep.v1.Fleet/Synchronize", is_for: For::Workers },
    Row { path: "/sweep.v1.Fleet/Complete", is_for: For::Workers },
    Row { path: "/sweep.v1.Sweeps/Submit", is_for: For::Submitters },
    Row { path: "/sweep.v1.Sweeps/Cancel", is_for: For::Submitters },
    Row { path: "/sweep.v1.Sweeps/Retry", is_for: For::Submitters },
    Row { path: "/sweep.v1.Sweeps/Extend", is_for: For::Submitters },
    Row { path: "/sweep.v1.Sweeps/Delete", is_for: For::Submitters },
    Row { path: "/sweep.v1.Sweeps/Status", is_for: For::Readers },
    Row { path: "/sweep.v1.Sweeps/Watch", is_for: For::Readers },
    Row { path: "/sweep.v1.Sweeps/Tables", is_for: For::Readers },
    Row { path: "/sweep.v1.Sweeps/Job", is_for: For::Readers },
    Row { path: "/sweep.v1.Sweeps/Log", is_for: For::Readers },
    Row { path: "/sweep.v1.Sweeps/Report", is_for: For::Readers },
    Row { path: "/sweep.v1.Sweeps/Weights", is_for: For::Readers },
];

/// The row of a call. A call that has none is for nobody.
pub(super) fn row(path: &str) -> Option<&'static Row> {
    let is_of = |row: &&Row| if row.path.ends_with('/') { path.starts_with(row.path) } else { path == row.path };
    TABLE.iter().find(is_of)
}

/// The method of a call, without the slash in front: the service alone where all its calls have one row, `unknown` if there is no such call.
pub(in crate::serve) fn known_method(path: &str) -> &'static str {
    row(path).map_or("unknown", |row| row.path.trim_matches('/'))
}

impl Row {
    /// Whether the call is for everybody.
    pub(super) fn is_public(&self) -> bool {
        self.is_for == For::Everybody
    }

    /// Whether the call is for workers only.
    pub(super) fn is_for_workers(&self) -> bool {
        matches!(self.is_for, For::Workers | For::Joining)
    }

    /// Whether the call is for this caller.
    pub(super) fn admits(&self, holder: &Holder) -> bool {
        match (self.is_for, holder) {
            (For::Everybody, _) | (_, Holder::All) => true,
            (_, Holder::Anyone) => false,
            (For::Known, _) => true,
            (For::Joining, holder) => matches!(holder, Holder::Worker(_) | Holder::Token(Role::Worker)),
            (For::Workers, holder) => matches!(holder, Holder::Worker(_)),
            (For::Submitters, holder) => matches!(holder, Holder::Token(Role::Submitter)),
            (For::Readers, holder) => matches!(holder, Holder::Token(Role::Submitter | Role::Reader)),
        }
    }

    /// The least token that is enough.
    pub(super) fn token(&self) -> &'static str {
        match self.is_for {
            For::Submitters => Role::Submitter.name(),
            For::Everybody | For::Known | For::Readers => Role::Reader.name(),
            For::Joining | For::Workers => Role::Worker.name(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const HOLDERS: [(&str, Holder); 6] = [
        ("nobody", Holder::Anyone),
        ("worker.token", Holder::Token(Role::Worker)),
        ("certificate", Holder::Worker(WorkerId(1))),
        ("reader", Holder::Token(Role::Reader)),
        ("submitter", Holder::Token(Role::Submitter)),
        ("all", Holder::All),
    ];

    /// Each call with each caller.
    #[test]
    fn each_call_is_for_those_who_need_it_and_for_nobody_else() {
        for (path, who) in [
            ("/grpc.health.v1.Health/Check", "nobody worker.token certificate reader submitter all"),
            (
                "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
                "worker.token certificate reader submitter all",
            ),
            ("/sweep.v1.Enrolment/Enrol", "worker.token certificate all"),
            ("/sweep.v1.Fleet/Register", "certificate all"),
            ("/sweep.v1.Fleet/Synchronize", "certificate all"),
            ("/sweep.v1.Fleet/Complete", "certificate all"),
            ("/sweep.v1.Sweeps/Submit", "submitter all"),
            ("/sweep.v1.Sweeps/Cancel", "submitter all"),
            ("/sweep.v1.Sweeps/Retry", "submitter all"),
            ("/sweep.v1.Sweeps/Extend", "submitter all"),
            ("/sweep.v1.Sweeps/Delete", "submitter all"),
            ("/sweep.v1.Sweeps/Status", "reader submitter all"),
            ("/sweep.v1.Sweeps/Watch", "reader submitter all"),
            ("/sweep.v1.Sweeps/Tables", "reader submitter all"),
            ("/sweep.v1.Sweeps/Job", "reader submitter all"),
            ("/sweep.v1.Sweeps/Log", "reader submitter all"),
            ("/sweep.v1.Sweeps/Report", "reader submitter all"),
        ] {
            let row = row(path).unwrap_or_else(|| panic!("{path} is for nobody"));
            let admitted: Vec<_> =
                HOLDERS.iter().filter(|(_, holder)| row.admits(holder)).map(|(name, _)| *name).collect();
            assert_eq!(admitted.join(" "), who, "{path}");
        }
    }

    #[test]
    fn the_table_has_every_call_of_the_services_and_no_other() {
        use prost::Message;
        let files = prost_types::FileDescriptorSet::decode(proto::DESCRIPTORS).expect("descriptors");
        let services =
            files.file.iter().flat_map(|file| file.service.iter().map(move |service| (file.package(), service)));
        let calls: BTreeSet<_> = services
            .flat_map(|(package, service)| {
                service.method.iter().map(move |call| format!("/{package}.{}/{}", service.name(), call.name()))
            })
            .collect();
        let rows: BTreeSet<_> =
            TABLE.iter().filter(|row| row.path.starts_with("/sweep.")).map(|row| row.path.to_owned()).collect();
        assert_eq!(rows, calls);
    }

    #[test]
    fn what_the_table_does_not_name_is_for_nobody() {
        for path in [
            "",
            "/",
            "/sweep.v1.Fleet/",
            "/sweep.v1.Fleet/Registe",
            "/sweep.v1.Fleet/Register/",
            "/grpc.health.v1.Health",
        ] {
            assert!(row(path).is_none(), "{path}");
        }
    }
}
