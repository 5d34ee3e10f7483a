//! The server that all clients call, in a separate process: nginx, or the small server in `serve.rs`.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::TempDir;

use crate::responses::{self, KEYS, KEYS_PATH};

pub(crate) const CERTIFICATE: &str = "server.pem";
pub(crate) const PRIVATE_KEY: &str = "server.key";
const AUTHORITY: &str = "authority.pem";

const TIMEOUT: Duration = Duration::from_secs(10);

/// The running servers, which are stopped on drop.
pub(crate) struct Servers {
    processes: Vec<Child>,
    folder: TempDir,
    /// The name of the server at `http` and `https`.
    pub(crate) name: String,
    pub(crate) http: String,
    pub(crate) https: String,
    /// The URL of the small server.
    pub(crate) distant: String,
}

impl Servers {
    /// Starts the small server, and nginx if it is installed. The list of pages of 6 MB has `pages` pages.
    pub(crate) fn start(pages: u32) -> Result<Self> {
        // A download to a disk would measure the disk.
        let in_memory = Path::new("/dev/shm");
        let parent = if in_memory.is_dir() { in_memory.to_owned() } else { std::env::temp_dir() };
        let folder = TempDir::with_prefix_in("codat-keys-bench-", parent)?;
        responses::write(folder.path(), pages)?;
        write_certificates(folder.path())?;
        let name = "hyper, in `bench/src/serve.rs`, because nginx is not installed".to_owned();
        let empty = String::new();
        let mut servers =
            Self { processes: Vec::new(), folder, name, http: empty.clone(), https: empty.clone(), distant: empty };
        // Another process could take a port before the server listens on it.
        let [http, https] = free_ports()?;
        let mut small = Command::new(std::env::current_exe()?);
        small.args(["serve", &http.to_string(), &https.to_string()]).arg(servers.folder.path());
        servers.run(small, http, https)?;
        servers.distant.clone_from(&servers.http);
        match Command::new("nginx").arg("-v").output() {
            Ok(output) => {
                let output = String::from_utf8_lossy(&output.stderr).into_owned();
                servers.name = format!("nginx {}", output.trim().rsplit('/').next().unwrap_or_default());
                let [http, https] = free_ports()?;
                servers.run(nginx(servers.folder.path(), http, https)?, http, https)?;
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error).context("nginx cannot be started"),
        }
        Ok(servers)
    }

    /// Returns the path of the file that downloads are written to.
    pub(crate) fn download(&self) -> PathBuf {
        self.folder.path().join("download")
    }

    /// Returns the path of the certificate of the authority that signed the server's certificate.
    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.path().join(AUTHORITY)
    }

    /// Starts a server and waits until it listens on both ports.
    fn run(&mut self, mut command: Command, http: u16, https: u16) -> Result<()> {
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        let started = Instant::now();
        for port in [http, https] {
            while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
                if let Some(status) = process.try_wait()? {
                    bail!("{command:?} ended immediately: {status}");
                }
                ensure!(started.elapsed() < TIMEOUT, "{command:?} does not listen on port {port}");
                thread::sleep(Duration::from_millis(10));
            }
        }
        self.processes.push(process);
        self.http = format!("http://{}:{http}", Ipv4Addr::LOCALHOST);
        self.https = format!("https://{}:{https}", Ipv4Addr::LOCALHOST);
        Ok(())
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        for process in &mut self.processes {
            // The process may have ended already.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn free_ports() -> Result<[u16; 2]> {
    // Both listeners are open at the same time, so that the ports differ.
    let listeners = [TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?, TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?];
    Ok([listeners[0].local_addr()?.port(), listeners[1].local_addr()?.port()])
}

fn write_certificates(folder: &Path) -> Result<()> {
    let mut authority = rcgen::CertificateParams::default();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    authority.distinguished_name.push(rcgen::DnType::CommonName, "authority of the bench");
    let authority = rcgen::CertifiedIssuer::self_signed(authority, rcgen::KeyPair::generate()?)?;
    let key = rcgen::KeyPair::generate()?;
    let certificate = rcgen::CertificateParams::new([Ipv4Addr::LOCALHOST.to_string()])?.signed_by(&key, &authority)?;
    fs::write(folder.join(AUTHORITY), authority.pem())?;
    fs::write(folder.join(CERTIFICATE), certificate.pem())?;
    Ok(fs::write(folder.join(PRIVATE_KEY), key.serialize_pem())?)
}

/// Returns the command of nginx with a single process and thread. The configuration disables logs and keeps connections
/// open.
fn nginx(folder: &Path, http: u16, https: u16) -> Result<Command> {
    let files = responses::files(folder);
    let configuration = format!(
        "daemon off; master_process off; worker_processes 1; pid nginx.pid; error_log error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off; client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
    keepalive_requests 1000000000; keepalive_time 24h; keepalive_timeout 24h;
    server {{
        listen 127.0.0.1:{http} backlog=4096; listen 127.0.0.1:{https} ssl backlog=4096;
        ssl_certificate {CERTIFICATE}; ssl_certificate_key {PRIVATE_KEY};
        default_type application/json; sendfile on;
        location / {{ root {}; }}
        location = {KEYS_PATH} {{ return 200 '{KEYS}'; }}
    }}
}}
",
        files.display()
    );
    fs::write(folder.join("nginx.conf"), configuration)?;
    let mut command = Command::new("nginx");
    command.arg("-p").arg(folder).args(["-c", "nginx.conf", "-e", "error.log"]);
    Ok(command)
}
