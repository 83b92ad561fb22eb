//! The path to the database dies without a word: nothing is acknowledged any more.
//!
//! A proxy cannot make such a path, because its own kernel acknowledges. So there is a second network stack on this
//! machine, a namespace with one cable to it, and the cable is pulled. That takes root and Linux's `ip`: without them
//! these tests fail, rather than pretend.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dev::testing::fault_proxy::{End, FaultProxy};
use dev::testing::stack::{Settings, Stack};
use reqwest::Client;
use tokio::io::{copy, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use crate::site::{Database, ONE_OF_EACH_FUNCTION, Operation, Site, postgres, until};

/// Set in the process that runs in the namespace: where its socket is, and where it is to listen.
const RELAY: &str = "FAULTS_RELAY";

/// A namespace with a relay in it, which passes connections on through a socket in the file system, past the cable.
struct Island {
    name: String,
    cable: String,
    /// Of this end of the cable.
    here: String,
    address: String,
    relay: Option<Child>,
}

fn ip(arguments: &str) {
    let done = Command::new("ip").args(arguments.split(' ')).output();
    let done = done.expect("these tests need the program `ip` of iproute2");
    let complaint = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "these tests need root and network namespaces: ip {arguments}: {complaint}");
}

impl Island {
    /// Its port 5432 leads to the socket.
    fn new(number: u8, socket: &str) -> Self {
        let name = format!("faults-{}-{number}", std::process::id());
        let cable = format!("ft{}x{number}", std::process::id() % 1_000_000);
        // From the block for benchmarks of networks, which nobody routes.
        let third = std::process::id() % 250;
        let (here, address) =
            (format!("198.18.{third}.{}", number * 4 + 1), format!("198.18.{third}.{}", number * 4 + 2));
        ip(&format!("netns add {name}"));
        let mut island = Self { name, cable, here, address, relay: None };
        let Self { name, cable, here, address, .. } = &island;
        ip(&format!("link add {cable} type veth peer name inside netns {name}"));
        ip(&format!("address add {here}/30 dev {cable}"));
        ip(&format!("link set {cable} up"));
        ip(&format!("-n {name} address add {address}/30 dev inside"));
        ip(&format!("-n {name} link set inside up"));
        let relay = Command::new("ip")
            .args(["netns", "exec", name])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "half_open::relay", "--ignored", "--nocapture"])
            .env(RELAY, format!("{socket} {address}:5432"))
            .stdout(Stdio::null())
            .spawn();
        island.relay = Some(relay.unwrap());
        island
    }

    /// Both directions die, and nobody is told.
    fn pull_the_cable(&self) {
        ip(&format!("-n {} link set inside down", self.name));
    }

    /// Requests arrive, and neither answers nor acknowledgements get out.
    fn lose_answers(&self) {
        ip(&format!("-n {} route add blackhole {}/32", self.name, self.here));
    }

    /// Connections that the island knows.
    fn connections(&self) -> usize {
        let relay = self.relay.as_ref().unwrap().id();
        let table = std::fs::read_to_string(format!("/proc/{relay}/net/tcp")).unwrap();
        // Below the headings and the listener.
        table.lines().count() - 2
    }

    fn heal(&self) {
        ip(&format!("-n {} link set inside up", self.name));
        // There is none where the cable was pulled.
        let delete = ["-n", &self.name, "route", "delete", "blackhole", &self.here];
        let _ = Command::new("ip").args(delete).output();
    }
}

impl Drop for Island {
    fn drop(&mut self) {
        if let Some(mut relay) = self.relay.take() {
            let _ = relay.kill();
            let _ = relay.wait();
        }
        let _ = Command::new("ip").args(["link", "delete", &self.cable]).output();
        let _ = Command::new("ip").args(["netns", "delete", &self.name]).output();
    }
}

#[tokio::test]
#[ignore = "is no test but the process that the others start in the namespace"]
async fn relay() {
    let Ok(setting) = std::env::var(RELAY) else { return };
    let (socket, address) = setting.split_once(' ').unwrap();
    let listener = TcpListener::bind(address).await.unwrap();
    while let Ok((mut client, _)) = listener.accept().await {
        let mut server = UnixStream::connect(socket).await.unwrap();
        // It ends with a reset: unlike a close, that is sent once, and forgotten when it gets lost.
        client.set_zero_linger().unwrap();
        tokio::spawn(async move {
            let (mut from_client, mut to_client) = client.split();
            let (mut from_server, mut to_server) = server.split();
            tokio::select! {
                _ = copy(&mut from_client, &mut to_server) => {}
                _ = copy(&mut from_server, &mut to_client) => {}
            }
        });
    }
}

/// A stack whose database is on the island.
async fn stranded(number: u8) -> (Arc<Site>, Island) {
    let database = Database::new().await;
    let proxy = FaultProxy::start(([127, 0, 0, 1], database.port).into()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("relay");
    let listener = UnixListener::bind(&socket).unwrap();
    let port = proxy.port();
    tokio::spawn(async move {
        // The socket is there as long as somebody may come.
        let _folder = folder;
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await });
        }
    });
    let island = Island::new(number, socket.to_str().unwrap());
    let parameters = format!("sslmode=require&hostaddr={}", island.address);
    let settings = Settings::new(env!("CARGO_BIN_EXE_dev"))
        .with_database(&database.url(5432, "localhost", &parameters))
        .with("SSL_CERT_FILE", postgres().await.ca_file().to_str().unwrap())
        .with("LAMBDA_CONCURRENCY", "1");
    let stack = Stack::start_async(settings).await.unwrap();
    let site = Site { stack, proxy, database, client: Client::new() };
    site.warm_up().await;
    (Arc::new(site), island)
}

#[derive(Debug, Clone, Copy)]
enum Death {
    BothWays,
    Answers,
}

/// Each operation meets the dead path, which heals after a while.
async fn survives(number: u8, death: Death, heals_after: Duration) {
    let (site, island) = stranded(number).await;
    for operations in [&ONE_OF_EACH_FUNCTION[..], &[Operation::Complete]] {
        let cases = site.prepare_all(operations).await;
        match death {
            Death::BothWays => island.pull_the_cable(),
            Death::Answers => island.lose_answers(),
        }
        let replies = site.send_together(&cases);
        tokio::time::sleep(heals_after).await;
        assert!(!replies.is_finished(), "{death:?}: answered on a dead path");
        island.heal();
        for (case, reply) in cases.iter().zip(&replies.await.unwrap()) {
            case.is_done(&site, reply).await;
        }
    }
}

#[tokio::test]
async fn a_dead_path_that_heals_is_survived() {
    let [moment, second, longer] = [300, 1000, 3000].map(Duration::from_millis);
    tokio::join!(
        survives(0, Death::BothWays, moment),
        survives(1, Death::Answers, moment),
        survives(2, Death::BothWays, second),
        survives(3, Death::Answers, second),
        survives(4, Death::BothWays, longer),
        survives(5, Death::Answers, longer),
    );
}

#[tokio::test]
async fn a_path_that_stays_dead_is_answered_in_time() {
    let (site, island) = stranded(6).await;
    let cases = site.prepare_all(&ONE_OF_EACH_FUNCTION).await;
    island.lose_answers();
    let start = Instant::now();
    for (case, reply) in cases.iter().zip(&site.send_together(&cases).await.unwrap()) {
        case.is_refused(reply, &site.stack.logs());
        // The request had arrived, and could not be told from one that had not.
        case.happened_once(&site).await;
    }
    assert!(start.elapsed() < Duration::from_secs(12), "{:?}", start.elapsed());
    island.heal();
    site.works(&ONE_OF_EACH_FUNCTION).await;
}

/// The other side ends all connections while the cable is out, and does not know them any more when it is back. Nobody
/// can tell before something is sent.
async fn is_answered_by_a_reset(number: u8, while_frozen: bool) {
    let (site, island) = stranded(number).await;
    for operations in [&ONE_OF_EACH_FUNCTION[..], &[Operation::Complete]] {
        let mut frozen = Vec::new();
        for operation in operations.iter().filter(|_| while_frozen) {
            frozen.push(site.freeze(*operation).await);
        }
        island.pull_the_cable();
        site.end_all(End::Close).await;
        until("the island has forgotten", async || island.connections() == 0).await;
        island.heal();
        drop(frozen);
        let cases = site.prepare_all(operations).await;
        let connections = site.proxy.accepted_connections();
        for (case, reply) in cases.iter().zip(&site.send_together(&cases).await.unwrap()) {
            case.is_done(&site, reply).await;
        }
        assert_eq!(site.proxy.accepted_connections() - connections, cases.len());
    }
    // By sending: a look before that finds only what a late acknowledgement of the kernel's may have brought out.
    until("some have tried again", async || site.stack.logs().contains("the database is asked again")).await;
}

#[tokio::test]
async fn a_connection_whose_end_got_lost_is_replaced_when_it_is_reset() {
    tokio::join!(is_answered_by_a_reset(7, false), is_answered_by_a_reset(8, true));
}
