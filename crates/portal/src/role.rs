//! The user roles of Codat's Portal. With an emulator, visitors of the page sign in with one of these roles. Codat's
//! API does not report roles.

/// The role of a user in Codat's Portal, as Codat's documentation of user roles defines it.
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

    /// Returns the name of the role in Codat's Portal.
    pub fn name(self) -> &'static str {
        match self {
            Role::Administrator => "Administrator",
            Role::Developer => "Developer",
            Role::Onboarding => "Onboarding",
            Role::Advisor => "Advisor",
            Role::Analyst => "Analyst",
        }
    }

    /// Returns true if users with this role can view, copy, create and revoke API keys. The rule comes from Codat's
    /// documentation of authentication.
    pub fn manages_keys(self) -> bool {
        matches!(self, Role::Administrator | Role::Developer)
    }

    /// Returns the role with this name, or `None` if no role has this name.
    pub fn from_name(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.name() == name)
    }

    /// Returns the first name of the example user with this role.
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
