//! The command `rotate`: replaces a key with a new one. When all sinks have the new key, the grace time begins. At the
//! end of the grace time, the old key is deleted. By default, the grace time ends when the user runs `rotate finish`.
//! Programs that read their key only when they start can be restarted in the grace time. With `--grace 0`, such a
//! program has no working key until it is restarted.

mod journal;
mod options;
mod report;
mod run;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::failure::Failure;
use options::{Common, Replacement, Start};

/// Replace a key with a new one: create it, try it, deliver it to the sinks, and delete the old key
///
/// The new key gets the name of the old one with a tag, such as billing~20261128-x7q2. It is delivered to each sink and read back
/// from there. By default, the rotation then stops, so that programs that read their key when they start can be restarted.
/// `codat-keys rotate finish` deletes the old key. Every step is recorded in a journal before it is taken, so that another
/// process can resume or abort an interrupted rotation.
///
/// A sink is one of these: file:PATH, dotenv:PATH#NAME, profile:NAME, command:COMMAND, aws-secretsmanager:ID, gcp-secret:NAME,
/// azure-keyvault:VAULT/NAME, vault:PATH#FIELD, k8s:NS/NAME#KEY, github:OWNER/REPO#NAME, 1password:VAULT/ITEM#FIELD. A sink
/// with #header at the end gets the whole header instead of the raw key. A command gets the key on standard input.
///
/// A journal in a bucket takes its credentials, region and endpoint from the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
/// AWS_SESSION_TOKEN, AWS_REGION and AWS_ENDPOINT_URL for s3, GOOGLE_APPLICATION_CREDENTIALS for gs, AZURE_STORAGE_ACCOUNT_NAME and
/// AZURE_STORAGE_ACCOUNT_KEY for az, or the role of the machine. An endpoint with http:// needs AWS_ALLOW_HTTP=true.
#[derive(Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Example: codat-keys rotate --to file:/run/billing/codat_api_key"
)]
pub(crate) struct Rotate {
    #[command(subcommand)]
    command: Option<Continue>,
    #[command(flatten)]
    start: Start,
}

#[derive(Subcommand)]
enum Continue {
    /// Delete the old key of a rotation whose sinks all have the new key
    #[command(after_help = "Example: codat-keys rotate finish")]
    Finish(Common),
    /// Resume an interrupted rotation
    #[command(after_help = "Example: codat-keys rotate resume")]
    Resume(Common),
    /// Restore the old key in the sinks, and delete the new key; if the deletion of the old key has begun, complete the rotation
    /// instead
    #[command(after_help = "Example: codat-keys rotate abort")]
    Abort(Common),
    /// Show the latest rotation in the journal; sends no request
    #[command(after_help = "Example: codat-keys rotate status")]
    Status(Common),
    /// Rebuild a lost journal from the names of the keys and from the sinks, and resume the rotation
    #[command(after_help = "Example: codat-keys rotate recover billing --to file:/run/billing/codat_api_key")]
    Recover(Replacement),
}

pub(crate) async fn rotate(rotate: &Rotate) -> Result<ExitCode, Failure> {
    match &rotate.command {
        None => run::start(&rotate.start).await,
        Some(Continue::Recover(options)) => run::recover(options).await,
        Some(Continue::Finish(options)) => run::resume(options, run::Goal::Finish).await,
        Some(Continue::Resume(options)) => run::resume(options, run::Goal::Resume).await,
        Some(Continue::Abort(options)) => run::resume(options, run::Goal::Abort).await,
        Some(Continue::Status(options)) => run::status(options).await,
    }
}
