//! The roles of Codat's users. Only the portal has roles: no response of the API contains them.

/// A role of a user of Codat's Portal (Codat's page on user roles).
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
    /// All roles.
    pub const ALL: [Role; 5] = [Role::Administrator, Role::Developer, Role::Onboarding, Role::Advisor, Role::Analyst];

    /// Returns Codat's name of the role.
    pub fn name(self) -> &'static str {
        match self {
            Role::Administrator => "Administrator",
            Role::Developer => "Developer",
            Role::Onboarding => "Onboarding",
            Role::Advisor => "Advisor",
            Role::Analyst => "Analyst",
        }
    }

    /// Returns true if users with this role may view, copy, create and revoke keys (Codat's authentication page).
    pub fn manages_keys(self) -> bool {
        matches!(self, Role::Administrator | Role::Developer)
    }

    /// Returns the role with this name.
    pub fn from_name(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.name() == name)
    }

    /// Returns the name of the emulator's user with this role.
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
