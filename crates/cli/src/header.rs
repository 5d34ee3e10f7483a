//! `header`: from a key to what is sent.

use crate::failure::Failure;
use crate::output::{print_secret, refuse_closed_output};
use crate::secret_input;

pub(crate) async fn header() -> Result<(), Failure> {
    refuse_closed_output("send it to a file or a pipe: codat-keys header > FILE")?;
    let credential = secret_input::read("API key (not shown): ", "codat-keys header").await?;
    print_secret(&format!("{}\n", credential.header().expose_secret()))
}
