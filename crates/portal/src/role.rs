//! The roles of users in Codat's Portal. The emulator uses them, but the responses of Codat's API do not contain roles.

/// The role of a user of Codat's Portal. Codat's documentation of user roles defines the roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A user who manages everything.
    Administrator,
    /// A user who manages API keys.
    Developer,
    /// A user who connects companies.
    Onboarding,
    /// A user who reads data.
    Advisor,
    /// A user who reads data.
    Analyst,
}

impl Role {
    /// All roles of Codat's Portal.
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

    /// Returns true if users with this role can view, copy, create and revoke keys, according to Codat's documentation
    /// of authentication.
    pub fn manages_keys(self) -> bool {
        matches!(self, Role::Administrator | Role::Developer)
    }

    /// Returns the role with this name.
    pub fn from_name(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.name() == name)
    }

    /// Returns the name of the example user with this role.
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
