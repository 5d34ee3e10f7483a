//! The roles of Codat's users. They are the portal's alone: no answer of the API holds one.

/// What a user of Codat's Portal may be (Codat's page on user roles).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Manages everything.
    Administrator,
    /// Manages keys.
    Developer,
    /// Connects companies.
    Onboarding,
    /// Reads data.
    Advisor,
    /// Reads data.
    Analyst,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 5] = [Role::Administrator, Role::Developer, Role::Onboarding, Role::Advisor, Role::Analyst];

    /// Codat's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Role::Administrator => "Administrator",
            Role::Developer => "Developer",
            Role::Onboarding => "Onboarding",
            Role::Advisor => "Advisor",
            Role::Analyst => "Analyst",
        }
    }

    /// Whether its users may see, copy, create and revoke keys: only these two may (Codat's authentication page).
    pub fn manages_keys(self) -> bool {
        matches!(self, Role::Administrator | Role::Developer)
    }

    /// The role of this name.
    pub fn named(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.name() == name)
    }

    /// The made-up user of this role in the emulator.
    pub(crate) fn user(self) -> &'static str {
        match self {
            Role::Administrator => "Ada",
            Role::Developer => "Dmitri",
            Role::Onboarding => "Olivia",
            Role::Advisor => "Amélie",
            Role::Analyst => "Anselm",
        }
    }
}
