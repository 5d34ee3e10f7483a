//! Items for the bindings, the command line and the tools in this repository. This module is not part of the public
//! API, and semantic versioning does not cover it.

pub use crate::builder::http_client_builder;
pub use crate::client::{generate_idempotency_key, replace_key, send_once};
pub use crate::credentials::{
    CREDENTIAL_VARIABLES, KeySelector, is_pipe, is_readable_by_all, key_selectors, mask_printed, others_can_read,
    without_credentials,
};
pub use crate::domain::reference::{References, Unresolved};
pub use crate::domain::{count_keys, holds_credential, key_id_in_path, mask_credentials, mask_key};
pub use crate::environment::process_environment;
pub use crate::error::defect;
pub use crate::keys::state_machines;
pub use crate::pages::{PageCursor, page_cursor, parse_page};
pub use crate::profiles::{
    ConfigFile, Profile, ProfileCommand, ProfileName, ProfileSource, config_path, configured_keys, profile_variable,
};
pub use crate::sanitize::{escape_json, sanitize};
pub use crate::text::{NotText, decode};
pub use crate::timeouts::seconds;
pub use crate::trusted_file::{
    OpenError, check_own_folder, check_owner, check_trusted_folder, open_regular, open_trusted, read_trusted,
};
