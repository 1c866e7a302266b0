//! One run: a model cluster, sessions that use it, and between them the parts of the crate, joined
//! as a client joins them.

use std::{collections::BTreeMap, num::NonZeroU16};

use slotway_protocol::{
    Answered, Earlier, NodeAddr, Progress, Redirect, RedirectLimits, Sequence, SlotTable, Turn,
};

use crate::{
    agenda::Agenda,
    cluster::{Cluster, NodeIndex},
    event::{Bug, Event, Met},
    judge::read_view,
    link::{Link, Ticket},
    random::Random,
    script::Step,
    session::{Next, Outcome, Request, Session, draw},
};

const SESSIONS: usize = 4;
const DEPTH: usize = 6;
const COMMANDS: u64 = 25;
const PRIMARIES: usize = 3;
const CHANGES: u64 = 6;
/// No run needs nearly as many events. More are an endless loop.
const EVENTS_MAX: u64 = 200_000;

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) random: Random,
    pub(crate) agenda: Agenda<Event>,
    pub(crate) cluster: Cluster,
    pub(crate) sessions: Vec<Session>,
    pub(crate) requests: Vec<Request>,
    pub(crate) bug: Bug,
    pub(crate) links: Vec<Link>,
    pub(crate) table: SlotTable,
    pub(crate) refreshing: bool,
    /// Requests that wait for a newer table.
    pub(crate) waiting: Vec<Ticket>,
    pub(crate) met: BTreeMap<Met, u64>,
    /// What went wrong first.
    pub(crate) fault: Option<String>,
}

impl World {
    pub(crate) fn new(seed: u64, bug: Bug) -> Self {
        let cluster = Cluster::new(PRIMARIES);
        let table = SlotTable::new(read_view(&cluster, 0)).unwrap();
        let mut world = Self {
            random: Random::new(seed),
            agenda: Agenda::new(),
            cluster,
            sessions: (0..SESSIONS).map(|_| Session::default()).collect(),
            requests: Vec::new(),
            bug,
            links: Vec::new(),
            table,
            refreshing: false,
            waiting: Vec::new(),
            met: BTreeMap::new(),
            fault: None,
        };
        for session in 0..SESSIONS {
            world.agenda.after(session as u64, Event::Issue(session));
        }
        for change in 0..CHANGES {
            let time = change * 15_000 + world.random.between(0, 15_000);
            world.agenda.after(time, Event::Cluster(Step::Begin));
        }
        world
    }

    /// Runs to the end. Errors say what went wrong on the way.
    pub(crate) fn run(&mut self) -> Result<(), String> {
        for _ in 0..EVENTS_MAX {
            let Some(event) = self.agenda.next() else { return Ok(()) };
            self.happen(event);
            if let Some(fault) = self.fault.take() {
                return Err(fault);
            }
        }
        Err("the run does not end".into())
    }

    pub(crate) fn meet(&mut self, event: Met) {
        *self.met.entry(event).or_insert(0) += 1;
    }

    pub(crate) fn fail(&mut self, fault: String) {
        self.fault.get_or_insert(fault);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Issue(session) => self.issue(session),
            Event::Flush(node, generation) => self.flush(node, generation),
            Event::ToServer(node, generation, bytes) => self.serve(node, generation, &bytes),
            Event::ToClient(node, generation, bytes) => self.read(node, generation, &bytes),
            Event::Lost(node, generation) => self.lost(node, generation),
            Event::Retry(ticket) => self.dispatch(ticket),
            Event::AskForView => self.ask_for_view(),
            Event::WantView(ticket) => self.want_view(ticket),
            Event::View(view) => self.take_view(view),
            Event::Cluster(step) => self.change_cluster(step),
        }
    }

    /// A session sends its next command, if it may have one more in flight.
    fn issue(&mut self, session: usize) {
        let state = &self.sessions[session];
        if state.next >= COMMANDS {
            return;
        }
        let pause = self.random.between(50, 4_000);
        self.agenda.after(pause, Event::Issue(session));
        if state.ring.len() >= DEPTH {
            return;
        }
        let sequence = state.next;
        let token = format!("s{session}n{sequence}");
        let (kind, keys, command) = draw(&self.cluster, &token, &mut self.random);
        let slot = self.cluster.slot(keys[0].0);
        let ticket = self.requests.len();
        self.requests.push(Request {
            session,
            sequence,
            kind,
            keys,
            token,
            slot,
            command,
            redirect: Redirect::new(Some(slot), kind.class(), RedirectLimits::default()),
            started: self.agenda.now,
            sent: 0,
            outcome: None,
            next: Next::Owner,
            turned_away: false,
        });
        let state = &mut self.sessions[session];
        state.next += 1;
        state.ring.push_back(ticket);
        let earlier = self.earlier(ticket);
        let turn = self.sessions[session].order.first_time(slot, sequence, earlier);
        match turn {
            Turn::Go => self.dispatch(ticket),
            Turn::Wait => self.meet(Met::HeldForOrder),
        }
    }

    /// Where the session's earlier commands for this slot are.
    fn earlier(&self, ticket: Ticket) -> Earlier {
        let request = &self.requests[ticket];
        let owner = self.table.owner(request.slot).and_then(|node| node.addr());
        let owner = owner.and_then(|addr| self.cluster.find(addr));
        let travelling = &self.sessions[request.session].travelling;
        let elsewhere = travelling
            .iter()
            .rev()
            .find(|(_, (slot, node))| *slot == request.slot && Some(*node) != owner);
        elsewhere.map_or(Earlier::InStep, |(&sequence, _)| Earlier::Elsewhere(sequence))
    }

    /// Sends a request where it was told to go, or to the owner of its slot.
    pub(crate) fn dispatch(&mut self, ticket: Ticket) {
        if self.requests[ticket].turned_away && self.is_overtaken(ticket) {
            self.meet(Met::Overtaken);
            return self.finish(ticket, Outcome::Refused("TRYAGAIN a later one ran first".into()));
        }
        let request = &mut self.requests[ticket];
        let owner = || self.table.owner(request.slot).and_then(|node| node.addr()).cloned();
        let told = match std::mem::replace(&mut request.next, Next::Owner) {
            Next::Send { to, .. } => to,
            Next::Owner | Next::View { .. } => None,
        };
        match told.or_else(|| Some((owner()?, false))) {
            Some((addr, asking)) => self.send(ticket, &addr, asking),
            None => self.unreachable(ticket),
        }
    }

    fn send(&mut self, ticket: Ticket, addr: &NodeAddr, asking: bool) {
        let node = self.cluster.find(addr).expect("only nodes of the table are dialled");
        while self.links.len() <= node {
            self.links.push(Link::new(self.links.len()));
        }
        let request = &mut self.requests[ticket];
        request.sent += 1;
        self.sessions[request.session].travelling.insert(request.sequence, (request.slot, node));
        let link = &mut self.links[node];
        if !link.open {
            link.reopen();
        }
        let start = link.write_buffer.len();
        let asking = asking && self.bug != Bug::AskingNotSent;
        if asking {
            link.write_buffer.extend_from_slice(b"*1\r\n$6\r\nASKING\r\n");
        }
        link.write_buffer.extend_from_slice(request.command.as_command().bytes());
        let replies = NonZeroU16::MIN.saturating_add(u16::from(asking));
        let len = link.write_buffer.len() - start;
        let unit = link.pipeline.push(ticket, len, replies);
        if self.bug == Bug::TicketsSwapped
            && self.random.one_in(20)
            && let Some(earlier) = link.last_unit.and_then(|last| link.pipeline.ticket(last))
        {
            let swapped = std::mem::replace(earlier, ticket);
            *link.pipeline.ticket(unit).expect("it was just pushed") = swapped;
        }
        link.last_unit = Some(unit);
        self.plan_flush(node);
    }

    fn plan_flush(&mut self, node: NodeIndex) {
        let link = &mut self.links[node];
        if link.open && !link.flushing && !link.write_buffer.is_empty() {
            link.flushing = true;
            let delay = self.random.between(1, 200);
            self.agenda.after(delay, Event::Flush(node, link.generation));
        }
    }

    /// The socket takes some of what is to be written.
    fn flush(&mut self, node: NodeIndex, generation: u64) {
        let alive = self.cluster.nodes[node].alive;
        let link = &mut self.links[node];
        if !link.open || link.generation != generation {
            return;
        }
        link.flushing = false;
        if !alive {
            // Nothing listens there: the connection is refused before a byte is taken.
            let delay = self.random.between(100, 2_000);
            return self.agenda.after(delay, Event::Lost(node, generation));
        }
        let count = if self.random.one_in(4) {
            1 + self.random.below(link.write_buffer.len())
        } else {
            link.write_buffer.len()
        };
        let bytes: Vec<u8> = link.write_buffer.drain(..count).collect();
        link.pipeline.wrote(count);
        let arrives = link.arrival(0, self.agenda.now + self.random.between(50, 1_000));
        self.agenda.at(arrives, Event::ToServer(node, generation, bytes));
        self.plan_flush(node);
    }

    fn serve(&mut self, node: NodeIndex, generation: u64, bytes: &[u8]) {
        let link = &mut self.links[node];
        if link.generation != generation || !link.server_open || !self.cluster.nodes[node].alive {
            return;
        }
        let replies = link.serve(&mut self.cluster, bytes);
        // A reply may come in two pieces.
        let cut = self.random.below(replies.len() + 1);
        for piece in [&replies[..cut], &replies[cut..]] {
            if !piece.is_empty() {
                let arrives =
                    self.links[node].arrival(1, self.agenda.now + self.random.between(50, 1_000));
                self.agenda.at(arrives, Event::ToClient(node, generation, piece.to_vec()));
            }
        }
    }

    fn read(&mut self, node: NodeIndex, generation: u64, bytes: &[u8]) {
        if self.links[node].generation != generation || !self.links[node].open {
            return;
        }
        for reply in self.links[node].read(bytes) {
            match self.links[node].pipeline.answer() {
                Ok(Answered::Last(ticket)) => self.answered(ticket, node, reply),
                Ok(Answered::Part { .. }) if reply == b"+OK\r\n" => {}
                other => self.fail(format!("{reply:?} answers nothing: {other:?}")),
            }
        }
    }

    /// A connection breaks: what the server has read it runs, the rest is lost at a random point.
    pub(crate) fn cut(&mut self, node: NodeIndex) {
        let Some(link) = self.links.get_mut(node) else { return };
        if link.open && link.server_open {
            link.server_open = false;
            let delay = self.random.between(1, 1_500);
            self.agenda.after(delay, Event::Lost(node, link.generation));
        }
    }

    fn lost(&mut self, node: NodeIndex, generation: u64) {
        let link = &mut self.links[node];
        if link.generation != generation || !link.open {
            return;
        }
        link.open = false;
        let begun = link.reply_begun();
        let owed: Vec<(Ticket, Progress)> = link.pipeline.lost(begun).collect();
        for (ticket, progress) in owed {
            let request = &self.requests[ticket];
            self.sessions[request.session].travelling.remove(&request.sequence);
            self.after_loss(ticket, progress);
        }
        self.refresh();
    }

    /// Ends a request, and lets go what waited for it.
    pub(crate) fn finish(&mut self, ticket: Ticket, outcome: Outcome) {
        let request = &mut self.requests[ticket];
        if request.outcome.is_some() {
            let token = request.token.clone();
            return self.fail(format!("{token} ended twice"));
        }
        request.outcome = Some(outcome);
        let (number, slot, sequence) = (request.session, request.slot, request.sequence);
        let session = &mut self.sessions[number];
        let next = session.order.answered(slot, sequence);
        while let Some(&front) = session.ring.front()
            && self.requests[front].outcome.is_some()
        {
            session.ring.pop_front();
            session.delivered.push((self.requests[front].sequence, front));
        }
        self.let_go(number, next);
    }

    /// Puts a request that was not run on its way again, when its turn comes.
    pub(crate) fn again(&mut self, ticket: Ticket, next: Next) {
        let request = &mut self.requests[ticket];
        request.next = next;
        request.turned_away = true;
        let Request { session, sequence, slot, .. } = *request;
        let Session { order, travelling, .. } = &mut self.sessions[session];
        let same_slot = travelling.iter().filter(|(_, (other, _))| *other == slot);
        let turn = order.again(slot, sequence, same_slot.map(|(&sequence, _)| sequence));
        self.let_go(session, turn);
    }

    /// A command's turn has come.
    fn let_go(&mut self, session: usize, turn: Option<Sequence>) {
        let Some(sequence) = turn else { return };
        let ticket = self.ticket(session, sequence);
        let (after, event) = match self.requests[ticket].next {
            Next::Owner => return self.dispatch(ticket),
            Next::Send { after, .. } => (after, Event::Retry(ticket)),
            Next::View { after } => (after, Event::WantView(ticket)),
        };
        self.agenda.after(after.as_micros() as u64, event);
    }

    fn ticket(&self, session: usize, sequence: Sequence) -> Ticket {
        let wanted = |request: &Request| (request.session, request.sequence) == (session, sequence);
        self.requests.iter().position(wanted).expect("a session's sequence names a request")
    }
}
