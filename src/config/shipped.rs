//! The mappings shipped with the program, usable by name. Data only: what a mapping may say is in
//! [`super::mapping`].

/// A mapping shipped with the program, usable by name.
#[derive(Debug, Clone, Copy)]
pub struct Builtin {
    /// Its name in a project file.
    pub name: &'static str,
    /// Its text, to copy and change.
    pub text: &'static str,
}

macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        &[$(Builtin {
            name: $name,
            text: include_str!(concat!("mappings/", $name, ".toml")),
        }),*]
    };
}

/// The shipped mappings.
pub const BUILTIN: &[Builtin] = shipped![
    "servicenow-incident",
    "servicenow-audit",
    "servicenow-task-sla",
    "servicenow-change",
    "servicenow-problem",
    "jira-service-management",
    "jira-issues-json",
    "jira-sla-json",
    "topdesk-completed",
    "topdesk-closed",
    "zendesk",
    "freshservice",
    "bmc-helix",
    "bmc-helix-rest",
    "helpdesk-log-cases",
    "helpdesk-log-events",
    "xes-cases",
    "xes-events",
    "focus",
    "focus-invoice-detail",
    "focus-invoice-totals",
    "aws-cur",
    "azure-cost",
    "ubl",
    "ubl-totals",
    "sap-list",
    "supplier-spend",
];

/// The shipped mapping of that name.
pub fn builtin(name: &str) -> Option<&'static Builtin> {
    BUILTIN.iter().find(|b| b.name == name)
}
