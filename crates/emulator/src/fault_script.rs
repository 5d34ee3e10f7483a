//! The list of faults that tests have set. Each fault has a filter that selects requests.

use serde_json::{Map, Value};

use crate::fault::Fault;
use crate::json_fields::JsonFields;
use crate::wire::is_control_path;

const MAX_FAULTS: usize = 1000;
const MAX_COUNT: u64 = 1_000_000;

#[derive(Default)]
pub(crate) struct FaultScript(Vec<Rule>);

/// A fault with a filter that selects the requests to which the fault applies.
struct Rule {
    /// The rule as given in JSON. [`Rule::remaining`] replaces `skip` and `count` in it with the remaining numbers.
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

impl FaultScript {
    /// Parses the JSON `{"faults":[…]}`. The error contains the number of the invalid fault and the reason.
    pub(crate) fn parse(json: &[u8]) -> Result<FaultScript, String> {
        let Ok(Value::Object(body)) = serde_json::from_slice(json) else {
            return Err("the body must be JSON: {\"faults\": [...]}".to_owned());
        };
        let mut body = JsonFields(body);
        let Some(Value::Array(faults)) = body.value("faults") else {
            return Err("`faults` must be an array".to_owned());
        };
        body.reject_unknown()?;
        if faults.len() > MAX_FAULTS {
            return Err(format!("a script has at most {MAX_FAULTS} faults"));
        }
        let rules = faults.into_iter().enumerate();
        let rules =
            rules.map(|(index, fault)| Rule::parse(fault).map_err(|reason| format!("fault {}: {reason}", index + 1)));
        Ok(FaultScript(rules.collect::<Result<_, _>>()?))
    }

    /// Returns the remaining faults in a form that [`FaultScript::parse`] accepts.
    pub(crate) fn remaining(&self) -> Value {
        Value::from(self.0.iter().map(Rule::remaining).collect::<Vec<_>>())
    }

    /// Returns the first fault that matches a request, and decrements the `count` of the fault. If the `skip` of a
    /// matching fault is not zero, decrements `skip` and continues with the next fault.
    pub(crate) fn take_next(&mut self, method: &str, path: &str, authenticated: bool) -> Option<(&'static str, Fault)> {
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
            let fault = (rule.name, rule.fault.clone());
            if rule.count == 0 {
                self.0.remove(index);
            }
            return Some(fault);
        }
        None
    }
}

impl Rule {
    fn parse(json: Value) -> Result<Rule, String> {
        let Value::Object(given) = json else { return Err("it must be an object".to_owned()) };
        let mut fields = JsonFields(given.clone());
        let method = fields.text("method")?;
        if method.as_ref().is_some_and(|method| method.is_empty() || !method.bytes().all(|b| b.is_ascii_uppercase())) {
            return Err("`method` must be in capital letters".to_owned());
        }
        let path = fields.text("path")?.map(Path::parse).transpose()?;
        let skip = fields.number("skip", 0, MAX_COUNT)?.unwrap_or(0);
        let count = fields.number("count", 1, MAX_COUNT)?.unwrap_or(1);
        let (name, fault) = Fault::take(&mut fields)?;
        fields.reject_unknown()?;
        Ok(Rule { given, method, path, skip, count, name, fault })
    }

    fn remaining(&self) -> Value {
        let mut json = self.given.clone();
        json.insert("skip".to_owned(), self.skip.into());
        json.insert("count".to_owned(), self.count.into());
        json.into()
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
            _ if is_control_path(&text) => Err("`path` must not be a path of the controls".to_owned()),
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
