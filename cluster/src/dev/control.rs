//! The way from a second terminal to the running cluster: a socket in the data folder.
//!
//! One request a connection, one line of JSON each; the answer is lines of JSON until `done` or
//! `failed`.

use std::{
    fs,
    io::{self, ErrorKind},
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream},
    sync::{Semaphore, mpsc},
    time::timeout,
};

use super::{
    event::{Event, Request},
    folder::DataFolder,
    perform::Desk,
};
use crate::Error;

/// The longest request; names of nodes are short.
const REQUEST_MAX: u64 = 4 << 10;
/// The longest answer; a status of all nodes is far shorter.
const ANSWER_MAX: u64 = 4 << 20;
/// How many may ask at once.
const GUESTS_MAX: usize = 8;
/// How long one line may take on its way.
const LINE_DEADLINE: Duration = Duration::from_secs(5);
/// How many events wait for a reader that is slow.
const EVENTS_MAX: usize = 64;

/// A listening socket; its file goes when it does.
#[derive(Debug)]
pub(crate) struct Control {
    listener: UnixListener,
    path: PathBuf,
}

impl Control {
    /// Listens for commands to the cluster in `folder`.
    pub(crate) fn bind(folder: &DataFolder) -> Result<Self, Error> {
        let path = DataFolder::socket(folder.path());
        let bind = || {
            if let Some(parent) = path.parent() {
                fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
            }
            // The folder is locked: whoever left this socket is gone.
            match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let listener = UnixListener::bind(&path)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
            Ok(listener)
        };
        let listener = bind().map_err(Error::file("listen on", &path))?;
        Ok(Self { listener, path })
    }

    /// Serves second terminals for as long as it is polled.
    pub(crate) async fn serve(&self, desk: Arc<Desk>) {
        let guests = Arc::new(Semaphore::new(GUESTS_MAX));
        loop {
            let Ok(seat) = Arc::clone(&guests).acquire_owned().await else { return };
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let desk = Arc::clone(&desk);
                    tokio::spawn(async move {
                        // A guest who goes away early is no problem of ours.
                        let _ = answer(stream, &desk).await;
                        drop(seat);
                    });
                }
                // Such as too many open files: others may close some.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

async fn answer(stream: UnixStream, desk: &Desk) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let mut read = BufReader::new(read.take(REQUEST_MAX));
    timeout(LINE_DEADLINE, read.read_line(&mut line)).await??;
    let (events, mut due) = mpsc::channel(EVENTS_MAX);
    let perform = async {
        let last = match serde_json::from_str::<Request>(&line) {
            Ok(request) => match desk.perform(request, &events).await {
                Ok(()) => Event::Done,
                Err(error) => Event::failed(&error),
            },
            Err(error) => Event::failed(&Error::misuse(
                format!("this is no request: {error}"),
                "are both terminals of the same version of slotway?",
            )),
        };
        let _ = events.send(last).await;
        drop(events);
    };
    let deliver = async {
        while let Some(event) = due.recv().await {
            let mut json = serde_json::to_vec(&event).map_err(io::Error::other)?;
            json.push(b'\n');
            timeout(LINE_DEADLINE, write.write_all(&json)).await??;
        }
        Ok(())
    };
    // What was begun is finished, also when nobody listens any more.
    let ((), delivered) = tokio::join!(perform, deliver);
    delivered
}

/// Sends a request to the cluster that runs in `folder`, and every event of the answer to `take`.
/// The last one decides.
pub(crate) async fn ask(
    folder: &Path,
    request: &Request,
    mut take: impl FnMut(&Event),
) -> Result<(), Error> {
    let path = DataFolder::socket(folder);
    let not_running = || Error::NotRunning { path: folder.to_owned() };
    let lost = |source: io::Error| Error::file("talk over", &path)(source);
    let stream = match UnixStream::connect(&path).await {
        Ok(stream) => stream,
        Err(error)
            if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) =>
        {
            return Err(not_running());
        }
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            return Err(Error::NotYours { path: folder.to_owned() });
        }
        Err(error) => return Err(lost(error)),
    };
    let (read, mut write) = stream.into_split();
    let mut json = serde_json::to_vec(request).expect("it is made of names");
    json.push(b'\n');
    write.write_all(&json).await.map_err(lost)?;
    let mut lines = BufReader::new(read.take(ANSWER_MAX)).lines();
    while let Some(line) = lines.next_line().await.map_err(lost)? {
        match serde_json::from_str(&line).map_err(|error| lost(io::Error::other(error)))? {
            Event::Done => return Ok(()),
            Event::Failed { error, hint, code } => {
                return Err(Error::Remote { message: error, hint, code });
            }
            event @ (Event::Status(_) | Event::Note { .. } | Event::Step { .. }) => take(&event),
        }
    }
    Err(lost(io::Error::other("the cluster ended before it had answered")))
}
