//! An application that gives codat-keys its own HTTP client. codat-keys is built without TLS, so reqwest has none either.

#[cfg(test)]
#[path = "../../host.rs"]
mod host;

#[cfg(test)]
mod tests {
    use codat_keys::ErrorKind;

    use crate::host;

    #[tokio::test]
    async fn only_an_own_client_reaches_an_https_url() {
        let error = host::call_with_reqwest(reqwest::Client::builder().build().unwrap()).await;
        assert!(error.contains("scheme is not http"), "{error}");
        host::call_with_own_client(reqwest::Client::builder).await;
        let server = host::server();
        let client = host::codat(&server.url).build().unwrap();
        assert_eq!(client.keys().list().await.unwrap(), []);
        let client = host::codat(&host::https(&server)).http_client(reqwest::Client::builder).build().unwrap();
        let error = client.keys().list().await.unwrap_err();
        assert!(error.to_string().ends_with("could be made: the given HTTP client has no TLS"), "{error}");
        let errors = [
            host::codat("https://api.codat.io").build().unwrap_err(),
            host::codat(&server.url).ca_file("/made-up/ca.pem").build().unwrap_err(),
        ];
        for error in errors {
            let said = "codat-keys was built without TLS, which an https URL or a CA file needs";
            assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::InvalidInput, said));
        }
    }
}
