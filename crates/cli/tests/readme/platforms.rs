//! Checks of the configurations of other platforms in docs/release-time.md and docs/rotate.md. The step of the workflow
//! and the commands of the scheduled job are run.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::markdown::{Block, blocks};
use super::shell;

#[test]
fn the_documented_container_mounts_its_key_file() {
    let compose = parsed("yaml", "services:");
    let service = &compose["services"]["billing"];
    let secret = text(&service["secrets"][0]);
    assert_eq!(service["environment"]["CODAT_API_KEY_FILE"], format!("/run/secrets/{secret}"));
    assert!(compose["secrets"][secret].is_object());

    let pod = &parsed("yaml", "kind: Deployment")["spec"]["template"]["spec"];
    let (container, volume) = (&pod["containers"][0], &pod["volumes"][0]);
    let mount = &container["volumeMounts"][0];
    let file = format!("{}/codat_api_key", text(&mount["mountPath"]));
    assert_eq!(container["env"], json!([{ "name": "CODAT_API_KEY_FILE", "value": file }]));
    assert_eq!((&volume["name"], &mount["subPath"]), (&mount["name"], &Value::Null));

    let variable = &parsed("yaml", "secretKeyRef")["env"][0];
    assert_eq!(variable["name"], "CODAT_API_KEY");
    assert_eq!(variable["valueFrom"]["secretKeyRef"]["name"], volume["secret"]["secretName"]);
}

#[test]
fn the_documented_service_loads_its_credential() {
    let unit = block("ini", "DynamicUser=yes").text;
    let set = |name: &str| unit.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    let (credential, source) = set("LoadCredential=").split_once(':').unwrap();
    assert!(source.starts_with('/'));
    assert_eq!(set("Environment="), format!("CODAT_API_KEY_FILE=%d/{credential}"));
}

#[test]
fn the_documented_workflow_masks_the_header_first() {
    // The two steps before it install the program.
    let step = &parsed("yaml", "on: push")["jobs"]["companies"]["steps"][2];
    assert_eq!(step["env"], json!({ "CODAT_API_KEY": "${{ secrets.CODAT_API_KEY }}" }));
    let script = Block { text: text(&step["run"]).to_owned(), ..block("yaml", "on: push") };
    let output = shell::run(&script);
    let (mask, rest) = output.split_once('\n').unwrap();
    let encoded = mask.strip_prefix("::add-mask::").unwrap();
    let key = String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap();
    assert_eq!(rest.lines().count(), 5, "five companies");
    assert!(!rest.contains(&key) && !rest.contains(encoded));
}

#[test]
fn the_documented_service_replaces_the_key_twice() {
    let unit = block("ini", "Type=oneshot");
    let set = |name: &str| unit.text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    assert_eq!(set("Environment="), "CODAT_API_KEY_FILE=/etc/codat/codat_api_key");
    // `-` means that the manager ignores the status.
    let script = format!("{} || true\n{}\n", set("ExecStartPre=-"), set("ExecStart="));
    let script = script.replace("/usr/local/bin/", "").replace("/etc/codat/", "./");
    let text = format!(
        "codat-keys create billing --out codat_api_key\nunset CODAT_API_KEY\nexport CODAT_API_KEY_FILE=codat_api_key\n\
         printf 'to = [\"file:codat_api_key\"]\\njournal = \"rotations\"\\n' > rotate.toml\n\
         old=$(codat-keys whoami | cut -f1)\nfor run in 1 2; do\n{script}done\n\
         test \"$(codat-keys list | grep -c billing)\" = 2\nif codat-keys list | grep -q \"$old\"; then exit 1; fi\n\
         codat-keys whoami\n"
    );
    let output = shell::run(&Block { text, ..unit });
    assert!(output.lines().last().unwrap().contains("billing~"), "{output}");
}

#[test]
fn the_documented_cron_job_replaces_the_key_and_resumes() {
    let (job, role) = (parsed("yaml", "kind: CronJob"), parsed("yaml", "kind: Role"));
    let pod = &job["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    let (init, container) = (&pod["initContainers"][0], &pod["containers"][0]);
    let script = text(&container["args"][0]);
    // The journal belongs to the user of the container, and no group may write it.
    let journal = text(&init["volumeMounts"][0]["mountPath"]);
    let user = &container["securityContext"]["runAsUser"];
    assert_eq!(init["command"][2], format!("chown {user}:{user} {journal} && chmod 700 {journal}"));
    assert_eq!(container["volumeMounts"][1], init["volumeMounts"][0]);
    assert!(!job.to_string().contains("fsGroup") && script.contains(&format!("--journal {journal}")));
    // The role allows what the tool of the sink does.
    let (namespace, secret) = (text(&job["metadata"]["namespace"]), text(&role["rules"][0]["resourceNames"][0]));
    assert!(script.contains(&format!("--to k8s:{namespace}/{secret}#codat_api_key ")));
    assert_eq!(
        (&role["metadata"]["namespace"], &role["rules"][0]["verbs"]),
        (&json!("shop"), &json!(["get", "patch"]))
    );
    let (file, volume) = (&container["env"][0]["value"], &pod["volumes"][0]["secret"]["secretName"]);
    assert_eq!((file, volume), (&json!("/etc/codat/codat_api_key"), &json!(secret)));

    // The first run is killed while it waits. The second one resumes the rotation, and the third one begins another.
    let script = script.replace("/var/lib/codat-rotate", "rotations").replace("1h", "4s");
    let text = format!(
        "codat-keys create billing --out codat_api_key\nunset CODAT_API_KEY\n\
         export CODAT_API_KEY_FILE=codat_api_key\nold=$(codat-keys whoami | cut -f1)\n\
         cat > job <<'END'\n{script}END\n\
         setsid bash -ec \"$(cat job)\" & \n\
         until codat-keys rotate status --journal rotations --json | grep '\"state\":\"grace\"'; do sleep 0.1; done\n\
         kill -KILL -- -$!\nwait $! || test $? = 137\n\
         bash -ec \"$(cat job)\"\nresumed=$(codat-keys whoami | cut -f1)\ntest \"$resumed\" != \"$old\"\n\
         bash -ec \"$(cat job)\"\ntest \"$(codat-keys whoami | cut -f1)\" != \"$resumed\"\n\
         test \"$(codat-keys list | grep -c billing)\" = 1\ncodat-keys whoami\n"
    );
    let output = shell::run(&Block { text, ..block("yaml", "kind: CronJob") });
    assert!(output.lines().last().unwrap().contains("billing~"), "{output}");
}

/// The second run finishes the rotation of the first one, and begins another.
#[cfg(all(target_os = "linux", feature = "object-store"))]
#[test]
fn the_documented_workflow_rotates_with_a_journal_in_a_bucket() {
    let storage = crate::storage_server::StorageServer::start();
    let job = &parsed("yaml", "aws-actions/")["jobs"]["rotate"];
    let (bucket, prefix) = text(&job["env"]["JOURNAL"]).strip_prefix("s3://").unwrap().split_once('/').unwrap();
    let policy = parsed("json", "s3:PutObject");
    let [objects, list] = [&policy["Statement"][0], &policy["Statement"][1]];
    assert_eq!(objects["Resource"], format!("arn:aws:s3:::{bucket}/{prefix}/*"));
    assert_eq!(list["Resource"], format!("arn:aws:s3:::{bucket}"));
    assert_eq!(list["Condition"]["StringLike"]["s3:prefix"], format!("{prefix}/*"));

    let variables = job["env"].as_object().unwrap().iter();
    let variables = variables.map(|(name, value)| format!("export {name}={}\n", text(value)));
    let variables = variables.collect::<String>().replace(bucket, crate::storage_server::BUCKET);
    let scripts = job["steps"].as_array().unwrap().iter().filter_map(|step| step["run"].as_str());
    let script = scripts.collect::<String>();
    let text = format!(
        "codat-keys create billing --out secret\nunset CODAT_API_KEY\nmkdir bin\n\
         cat > bin/aws <<'END'\n#!/bin/sh\n\
         case \"$2\" in get-secret-value) cat secret ;; put-secret-value) cat > .new; mv .new secret ;; esac\nEND\n\
         chmod +x bin/aws\nexport PATH=$PWD/bin:$PATH AWS_ENDPOINT_URL={} AWS_ALLOW_HTTP=true\n\
         export AWS_ACCESS_KEY_ID=AKIAEXAMPLE AWS_SECRET_ACCESS_KEY=secret\n{variables}\
         whose() {{ CODAT_API_KEY=$(cat secret) codat-keys whoami | cut -f1; }}\nfirst=$(whose)\n\
         cat > job <<'END'\n{script}END\n\
         bash -e job\nsecond=$(whose)\ntest \"$second\" != \"$first\"\n\
         bash -e job\nthird=$(whose)\ntest \"$third\" != \"$second\"\n\
         export CODAT_API_KEY=$(cat secret)\ntest \"$(codat-keys list | grep -c billing)\" = 2\n\
         if codat-keys list | grep -q \"$first\"; then exit 1; fi\ncodat-keys whoami\n",
        storage.server.url,
    );
    let output = shell::run(&Block { text, ..block("yaml", "aws-actions/") });
    assert!(output.lines().last().unwrap().contains("billing~"), "{output}");
    assert!(storage.objects().keys().all(|key| key.starts_with(&format!("{prefix}/default/"))));
}

fn parsed(language: &str, with: &str) -> Value {
    let Block { place, text, .. } = block(language, with);
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{place}: {error}"))
}

/// Returns the only block of the guides with this language and this text.
fn block(language: &str, with: &str) -> Block {
    let mut found = blocks().into_iter().filter(|block| {
        let is_page = ["docs/release-time.md", "docs/rotate.md"].contains(&&*block.page);
        is_page && block.language == language && block.text.contains(with)
    });
    let only = found.next().unwrap();
    assert!(found.next().is_none(), "two have `{with}`");
    only
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
