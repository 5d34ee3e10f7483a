//! `header`: from a key to what is sent.

use crate::failure::Failure;
use crate::output::print;
use crate::secret_input;

pub(crate) async fn header() -> Result<(), Failure> {
    let credential = secret_input::read("API key (not shown): ", "codat-keys header").await?;
    print(&format!("{}\n", credential.header().expose_secret()))
}
