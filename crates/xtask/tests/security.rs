//! Checks that all tests in SECURITY.md exist.

use std::fs;
use std::path::Path;

#[test]
fn the_tests_that_the_threat_model_names_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(root.join("SECURITY.md")).unwrap();
    let (_, promises) = page.split_once("\n## Promises\n").unwrap();
    let (promises, _) = promises.split_once("\n## ").unwrap();
    let rows: Vec<&str> = promises.lines().filter(|line| line.starts_with("| ")).skip(2).collect();
    assert!(!rows.is_empty());
    for row in rows {
        let (_, tests) = row.trim_end_matches(" |").rsplit_once(" | ").unwrap();
        assert!(!tests.is_empty(), "{row}");
        for test in tests.split(", ").map(|test| test.trim_matches('`')) {
            let (file, name) = test.split_once("::").unwrap_or((test, ""));
            let text = fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
            assert!(
                [format!("fn {name}("), format!("def {name}(")].iter().any(|it| name.is_empty() || text.contains(it)),
                "{test}"
            );
        }
    }
}
