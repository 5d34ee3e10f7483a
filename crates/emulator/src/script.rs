//! The faults to come, in order.

use serde_json::{Map, Value};

use crate::fault::Fault;
use crate::members::Members;

const MAX_FAULTS: usize = 1000;
const MAX_COUNT: u64 = 1_000_000;

#[derive(Default)]
pub(crate) struct Script(Vec<Rule>);

/// A fault, and the requests that it is for.
struct Rule {
    /// As it was given; what is left of `skip` and `count` is shown in their place.
    given: Map<String, Value>,
    method: Option<String>,
    path: Option<Path>,
    skip: u64,
    count: u64,
    name: &'static str,
    fault: Fault,
}

enum Path {
    Exact(String),
    Prefix(String),
}

impl Script {
    /// Reads `{"faults":[…]}`. The error says which fault is wrong, and why.
    pub(crate) fn parse(json: &[u8]) -> Result<Script, String> {
        let Ok(Value::Object(body)) = serde_json::from_slice(json) else {
            return Err("the body must be JSON: {\"faults\": [...]}".to_owned());
        };
        let mut body = Members(body);
        let Some(Value::Array(faults)) = body.value("faults") else {
            return Err("`faults` must be an array".to_owned());
        };
        body.end()?;
        if faults.len() > MAX_FAULTS {
            return Err(format!("at most {MAX_FAULTS} faults are taken"));
        }
        let rules = faults.into_iter().enumerate();
        let rules = rules.map(|(index, fault)| Rule::parse(fault).map_err(|why| format!("fault {}: {why}", index + 1)));
        Ok(Script(rules.collect::<Result<_, _>>()?))
    }

    /// What is left, as it can be given again.
    pub(crate) fn left(&self) -> Value {
        Value::from(self.0.iter().map(Rule::left).collect::<Vec<_>>())
    }

    /// The fault for a request: the first that matches. A match that is to be skipped is counted, and passed over.
    pub(crate) fn next(&mut self, method: &str, path: &str, authenticated: bool) -> Option<(&'static str, Fault)> {
        for index in 0..self.0.len() {
            let rule = &mut self.0[index];
            if !rule.matches(method, path, authenticated) {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            rule.count -= 1;
            let next = (rule.name, rule.fault.clone());
            if rule.count == 0 {
                self.0.remove(index);
            }
            return Some(next);
        }
        None
    }
}

impl Rule {
    fn parse(json: Value) -> Result<Rule, String> {
        let Value::Object(given) = json else { return Err("it must be an object".to_owned()) };
        let mut members = Members(given.clone());
        let method = members.text("method")?;
        if method.as_ref().is_some_and(|method| method.is_empty() || !method.bytes().all(|b| b.is_ascii_uppercase())) {
            return Err("`method` must be in capital letters".to_owned());
        }
        let path = members.text("path")?.map(Path::parse).transpose()?;
        let skip = members.number("skip", 0, MAX_COUNT)?.unwrap_or(0);
        let count = members.number("count", 1, MAX_COUNT)?.unwrap_or(1);
        let (name, fault) = Fault::take(&mut members)?;
        members.end()?;
        Ok(Rule { given, method, path, skip, count, name, fault })
    }

    fn left(&self) -> Value {
        let mut left = self.given.clone();
        left.insert("skip".to_owned(), self.skip.into());
        left.insert("count".to_owned(), self.count.into());
        left.into()
    }

    fn matches(&self, method: &str, path: &str, authenticated: bool) -> bool {
        self.method.as_ref().is_none_or(|wanted| wanted == method)
            && self.path.as_ref().is_none_or(|wanted| wanted.matches(path))
            && (authenticated || self.fault.precedes_authentication())
    }
}

impl Path {
    fn parse(text: String) -> Result<Path, String> {
        match text.strip_suffix('*') {
            _ if !text.starts_with('/') => Err("`path` must begin with /".to_owned()),
            _ if text.contains('?') => Err("`path` must be without a query".to_owned()),
            _ if crate::controls::own(&text) => Err("`path` must not be one of the controls".to_owned()),
            Some(prefix) => Ok(Path::Prefix(prefix.to_owned())),
            None => Ok(Path::Exact(text)),
        }
    }

    fn matches(&self, path: &str) -> bool {
        match self {
            Path::Exact(wanted) => wanted == path,
            Path::Prefix(wanted) => path.starts_with(wanted),
        }
    }
}
