//! The clients of the storage services. The settings come from environment variables.

use object_store::aws::{AmazonS3, AmazonS3Builder, S3ConditionalPut};
use object_store::azure::{MicrosoftAzure, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorage, GoogleCloudStorageBuilder};
use object_store::{ObjectStore, RetryConfig};

use super::http_service::Connector;
use super::url::{BucketUrl, Service};
use crate::connection::Connection;
use crate::failure::Failure;

/// A bucket of one of the services.
pub(super) enum Store {
    S3(AmazonS3),
    GoogleCloud(GoogleCloudStorage),
    Azure(MicrosoftAzure),
}

impl Store {
    /// Returns the bucket that a URL names. Sends no request.
    pub(super) fn from_environment(url: &BucketUrl<'_>, connection: &Connection) -> Result<Self, Failure> {
        let connector = Connector::new(connection)?;
        // `object_store` would repeat a conditional request after a 5xx response, but not after a lost response. In
        // both cases, the object may exist already. The journal therefore repeats requests itself, and compares the
        // object with the entry.
        let no_retries = RetryConfig { max_retries: 0, ..RetryConfig::default() };
        let (built, variables) = match url.service {
            Service::S3 => {
                let builder = AmazonS3Builder::from_env()
                    .with_bucket_name(url.bucket)
                    .with_conditional_put(S3ConditionalPut::ETagMatch)
                    .with_retry(no_retries)
                    .with_http_connector(connector);
                (builder.build().map(Self::S3), "AWS_")
            }
            Service::GoogleCloud => {
                let builder = GoogleCloudStorageBuilder::from_env()
                    .with_bucket_name(url.bucket)
                    .with_retry(no_retries)
                    .with_http_connector(connector);
                (builder.build().map(Self::GoogleCloud), "GOOGLE_")
            }
            Service::Azure => {
                let builder = MicrosoftAzureBuilder::from_env()
                    .with_container_name(url.bucket)
                    .with_retry(no_retries)
                    .with_http_connector(connector);
                (builder.build().map(Self::Azure), "AZURE_")
            }
        };
        // The text of the error can quote the value of a variable, such as a service account with its private key.
        built.map_err(|_| {
            let what = format!("the settings for the journal in the variables {variables}* cannot be used");
            Failure::local(what, "check them: `codat-keys rotate --help` names those that are needed")
        })
    }

    pub(super) fn objects(&self) -> &dyn ObjectStore {
        match self {
            Self::S3(store) => store,
            Self::GoogleCloud(store) => store,
            Self::Azure(store) => store,
        }
    }

    /// Gets new or cached credentials, to detect an error of the service that issues credentials. Called before each
    /// request to the bucket. Without this call, such an error would be reported as an error of the bucket.
    pub(super) async fn check_credentials(&self) -> object_store::Result<()> {
        match self {
            Self::S3(store) => store.credentials().get_credential().await.map(drop),
            Self::GoogleCloud(store) => store.credentials().get_credential().await.map(drop),
            Self::Azure(store) => store.credentials().get_credential().await.map(drop),
        }
    }
}
