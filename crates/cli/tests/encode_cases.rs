//! Runs the cases of `tests/encode` with the command line: as variables and as the standard input of `header`.

use std::path::Path;

use serde_json::Value;

use crate::raw_server::{RawServer, json};
use crate::support::{Ended, program, run, run_with_input};

fn cases(file: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/encode").join(file);
    let mut cases: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    std::mem::take(cases["cases"].as_array_mut().unwrap())
}

fn list(server: &RawServer, case: &Value) -> Ended {
    let variable = if case["as"] == "header" { "CODAT_AUTH_HEADER" } else { "CODAT_API_KEY" };
    run(program().env("CODAT_BASE_URL", &server.url).env(variable, case["given"].as_str().unwrap()), &["list"])
}

#[test]
fn accepted_credentials_are_sent_and_printed_as_codat_expects() {
    for case in cases("accepted.json") {
        let (name, header) = (&case["name"], case["header"].as_str().unwrap());
        // Cases about the contents of files do not apply to variables.
        if case["as"] != "either" {
            let server = RawServer::with_replies(vec![json(200, r#"{"results":[]}"#)]);
            assert_eq!(list(&server, &case).status, 0, "{name}");
            assert!(server.requests()[0].contains(&format!("authorization: {header}\r\n")), "{name}");
        }

        let printed = run_with_input(&mut program(), &["header"], &format!("{}\n", case["given"].as_str().unwrap()));
        assert_eq!(printed.stdout, format!("{header}\n"), "{name}: {printed:?}");
    }
}

#[test]
fn the_error_of_a_rejected_credential_names_the_mistake_before_sending() {
    for case in cases("refused.json") {
        let server = RawServer::with_replies(vec![json(200, r#"{"results":[]}"#)]);
        let ended = match case["as"].as_str() {
            Some("either") => run_with_input(&mut program(), &["header"], case["given"].as_str().unwrap()),
            _ => list(&server, &case),
        };
        assert_eq!((ended.status, ended.stdout.as_str()), (4, ""), "{}: {ended:?}", case["name"]);
        assert!(ended.stderr.contains(&format!("{}\nhint: ", case["refused"].as_str().unwrap())), "{ended:?}");
        assert!(server.requests().is_empty(), "{}", case["name"]);
    }
}
