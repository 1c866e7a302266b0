//! `slotway dev`: a cluster and its front for a developer's shell, and what a second terminal does to it.

mod args;
mod connect;
mod control;
mod event;
mod folder;
mod front;
mod outlook;
mod password;
mod perform;
mod run;
mod screen;
mod target;

use std::{sync::Arc, time::Duration};

pub use args::DevArgs;
pub use front::{Front, FrontError, Post};

use self::{
    args::{StartArgs, TargetArgs, Verb},
    event::Request,
    folder::DataFolder,
    run::Ended,
    screen::Screen,
};
use crate::Error;

/// How long everything may take to stop in good order.
const STOP_DEADLINE: Duration = Duration::from_secs(20);

/// Does what `slotway dev` was told, with `front` in front of the cluster, shows it, and returns the
/// exit code: 0 ok, 1 problems found, 2 usage, 3 cannot connect, 130 interrupted before the cluster was
/// ready.
///
/// It wants a tokio runtime with I/O and time.
pub async fn dev(args: DevArgs, front: &impl Front) -> u8 {
    let screen = Arc::new(Screen::new(args.output));
    let done = match &args.verb {
        None => run::run(&args.start, &args.dir, Arc::clone(&screen), front).await,
        Some(verb) => ask(verb, &args, &screen).await.map(|()| Ended::Stopped),
    };
    match done {
        Ok(Ended::Stopped) => 0,
        Ok(Ended::Interrupted) => 130,
        Err(error) => {
            screen.fail(&error);
            error.exit_code()
        }
    }
}

async fn ask(verb: &Verb, args: &DevArgs, screen: &Screen) -> Result<(), Error> {
    if args.start != StartArgs::default() {
        return Err(Error::misuse(
            "flags of the start do not go together with a verb",
            "of all flags only --dir and --output do",
        ));
    }
    let request = request(verb);
    control::ask(&args.dir, &request, |event| screen.show(event)).await?;
    let all = matches!(request, Request::Stop { target: None });
    if all && !DataFolder::wait_free(&args.dir, STOP_DEADLINE).await {
        return Err(Error::TimedOut {
            what: "everything to stop".into(),
            waited: STOP_DEADLINE,
            detail: String::new(),
        });
    }
    Ok(())
}

fn request(verb: &Verb) -> Request {
    let name = |target: &TargetArgs| target.target.clone();
    match verb {
        Verb::Status => Request::Status,
        Verb::Kill(target) => Request::Kill { target: name(target) },
        Verb::Stop { target } => Request::Stop { target: target.clone() },
        Verb::Start(target) => Request::Start { target: name(target) },
        Verb::Pause(target) => Request::Pause { target: name(target) },
        Verb::Resume(target) => Request::Resume { target: name(target) },
        Verb::Add { primary } => Request::Add { primary: *primary },
    }
}
