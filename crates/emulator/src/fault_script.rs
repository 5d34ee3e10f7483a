//! The list of faults that tests have set. Each fault has a filter, which selects the requests to which the fault
//! applies.

use std::mem;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::fault::Fault;
use crate::json::{Whole, from_value, present};
use crate::wire::is_control_path;

const MAX_FAULTS: usize = 1000;
const MAX_COUNT: u64 = 1_000_000;

#[derive(Default)]
pub(crate) struct FaultScript(Vec<Rule>);

/// A fault with a filter that selects the requests to which the fault applies.
struct Rule {
    /// The JSON object of the rule, as a test sent it. [`Rule::remaining`] updates `skip` and `count` in a copy of this
    /// object.
    given: Map<String, Value>,
    filter: Filter,
    fault: Fault,
}

/// The JSON fields of a rule: the filter (`method`, `path`, `skip` and `count`), and the name and the parameters of the
/// fault.
#[derive(Deserialize)]
struct Filter {
    #[serde(default, deserialize_with = "present")]
    method: Option<Method>,
    #[serde(default, deserialize_with = "present")]
    path: Option<Path>,
    #[serde(default)]
    skip: Whole<0, MAX_COUNT>,
    #[serde(default)]
    count: Whole<1, MAX_COUNT>,
    /// The name of the fault.
    fault: String,
    /// The parameters of the fault.
    #[serde(flatten)]
    parameters: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Method(String);

#[derive(Deserialize)]
#[serde(try_from = "String")]
enum Path {
    Exact(String),
    Prefix(String),
}

impl FaultScript {
    /// Parses the JSON `[…]` or `{"faults":[…]}`. The error contains the reason, and the position of the invalid fault
    /// in the list.
    pub(crate) fn parse(json: &[u8]) -> Result<FaultScript, String> {
        let faults = match serde_json::from_slice(json) {
            Ok(Value::Array(faults)) => faults,
            Ok(Value::Object(mut body)) => {
                let Some(Value::Array(faults)) = body.remove("faults") else {
                    return Err("`faults` must be an array".to_owned());
                };
                if let Some(name) = body.keys().next() {
                    return Err(format!("`{name}` is unknown here"));
                }
                faults
            }
            _ => return Err("the faults must be JSON: [...] or {\"faults\": [...]}".to_owned()),
        };
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

    /// Goes through the faults that match a request, in order. If the `skip` of a fault is above zero, decrements this
    /// `skip` and continues with the next fault. If the `skip` is zero, decrements the `count` of the fault and returns
    /// the fault.
    pub(crate) fn take_next(&mut self, method: &str, path: &str, authenticated: bool) -> Option<(String, Fault)> {
        for index in 0..self.0.len() {
            let rule = &mut self.0[index];
            if !rule.matches(method, path, authenticated) {
                continue;
            }
            let Filter { skip, count, fault: name, .. } = &mut rule.filter;
            if skip.0 > 0 {
                skip.0 -= 1;
                continue;
            }
            count.0 -= 1;
            if count.0 > 0 {
                return Some((name.clone(), rule.fault.clone()));
            }
            let rule = self.0.remove(index);
            return Some((rule.filter.fault, rule.fault));
        }
        None
    }
}

impl Rule {
    fn parse(json: Value) -> Result<Rule, String> {
        let Value::Object(given) = json else { return Err("it must be an object".to_owned()) };
        let mut filter: Filter = from_value("fault", Value::Object(given.clone()))?;
        // Serde deserializes an enum from an object with one field, whose name is the variant.
        let parameters = Value::Object(mem::take(&mut filter.parameters));
        let fault = from_value("fault", Value::Object(Map::from_iter([(filter.fault.clone(), parameters)])))?;
        Ok(Rule { given, filter, fault })
    }

    fn remaining(&self) -> Value {
        let mut json = self.given.clone();
        json.insert("skip".to_owned(), self.filter.skip.0.into());
        json.insert("count".to_owned(), self.filter.count.0.into());
        json.into()
    }

    fn matches(&self, method: &str, path: &str, authenticated: bool) -> bool {
        self.filter.method.as_ref().is_none_or(|wanted| wanted.0 == method)
            && self.filter.path.as_ref().is_none_or(|wanted| wanted.matches(path))
            && (authenticated || self.fault.precedes_authentication())
    }
}

impl TryFrom<String> for Method {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Method, &'static str> {
        match !text.is_empty() && text.bytes().all(|b| b.is_ascii_uppercase()) {
            true => Ok(Method(text)),
            false => Err("must be in capital letters"),
        }
    }
}

impl TryFrom<String> for Path {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Path, &'static str> {
        match text.strip_suffix('*') {
            _ if !text.starts_with('/') => Err("must begin with /"),
            _ if text.contains('?') => Err("must be without a query"),
            _ if is_control_path(&text) => Err("must not be a path of the controls"),
            Some(prefix) => Ok(Path::Prefix(prefix.to_owned())),
            None => Ok(Path::Exact(text)),
        }
    }
}

impl Path {
    fn matches(&self, path: &str) -> bool {
        match self {
            Path::Exact(wanted) => wanted == path,
            Path::Prefix(wanted) => path.starts_with(wanted),
        }
    }
}
