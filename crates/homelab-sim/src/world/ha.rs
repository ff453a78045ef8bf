//! The HA stack of the PVE cluster.

/// A guest under HA.
#[derive(Clone, Debug)]
pub struct HaResource {
    /// `vm:<vmid>` or `ct:<vmid>`.
    pub sid: String,
    /// The requested state, such as `started`.
    pub state: String,
}

/// An HA rule (PVE 9).
#[derive(Clone, Debug)]
pub struct HaRule {
    /// Its id.
    pub rule: String,
    /// `node-affinity` or `resource-affinity`.
    pub kind: String,
    /// What it concerns, as `vm:<vmid>`.
    pub resources: Vec<String>,
    /// Hosts, for `node-affinity`.
    pub nodes: Vec<String>,
    /// `positive` or `negative`, for `resource-affinity`.
    pub affinity: Option<String>,
    /// Whether it must rather than should hold.
    pub strict: bool,
}

/// The HA stack.
#[derive(Clone, Debug, Default)]
pub struct Ha {
    /// Guests under HA.
    pub resources: Vec<HaResource>,
    /// Rules.
    pub rules: Vec<HaRule>,
}
