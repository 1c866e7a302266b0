//! What the client of a session listens to.

use super::*;

impl Desk {
    /// Puts what is heard, and what is answered of it, behind what was said before. Whether there was
    /// anything.
    pub(crate) fn poll_listening(
        &mut self,
        cx: &mut Context<'_>,
        out_max: usize,
    ) -> Result<bool, Gone> {
        let Some(listening) = &mut self.listening else { return Ok(false) };
        // Other replies were asked for before.
        if !self.ring.is_empty() && listening.is_busy() {
            return Ok(false);
        }
        let was_busy = listening.is_busy();
        let heard = listening.poll_output(cx, self.me.protocol(), &mut self.out, out_max);
        if was_busy {
            self.stand();
        }
        match heard {
            Poll::Pending => Ok(false),
            Poll::Ready(Listened::Output) => Ok(true),
            Poll::Ready(Listened::Overrun { .. }) => Err(Gone::TooSlow),
            Poll::Ready(Listened::Forbidden { .. }) => Err(Gone::Forbidden),
        }
    }

    /// Whether what the client listens to is still being arranged.
    pub(crate) fn is_arranging(&self) -> bool {
        self.listening.as_ref().is_some_and(|listening| listening.is_busy())
    }

    pub(super) fn take_while_listening(
        &mut self,
        command: &Command<'_>,
        plan: Plan,
        around: &mut Around<'_>,
    ) -> Taken {
        let Some(listening) = &self.listening else { return Taken::NotYet };
        if SubscribeVerb::of(command).is_none() && listening.is_busy() {
            return Taken::NotYet;
        }
        self.take_other(command, plan, around)
    }

    /// Keeps how many of the proxy's clients are told of the message that is sent next, if it is one.
    pub(super) fn publish(&mut self, command: &Command<'_>, around: &Around<'_>) {
        if !command.name().eq_ignore_ascii_case(b"PUBLISH") {
            return;
        }
        let told = command.arg(1).map_or(0, |channel| around.world.audience.of(channel));
        if told > 0 {
            self.published.push_back((self.ring.next(), told));
        }
    }

    /// What a node said of a message, with the clients that it knows nothing of.
    pub(super) fn counted(&mut self, sequence: Sequence, reply: &[u8]) -> Option<Vec<u8>> {
        let at = self.published.iter().position(|(published, _)| *published == sequence)?;
        let (_, told) = self.published.remove(at)?;
        let number = reply.strip_prefix(b":")?.strip_suffix(b"\r\n")?;
        let number: usize = str::from_utf8(number).ok()?.parse().ok()?;
        // The proxy's own connections are in its number too: what others there are it may not tell.
        Some(format!(":{}\r\n", number.max(told)).into_bytes())
    }

    pub(super) fn listen(&mut self, command: &Command<'_>, around: &Around<'_>) -> Taken {
        let Some(verb) = SubscribeVerb::of(command) else { return Taken::NotYet };
        if !self.ring.is_empty() {
            return Taken::NotYet;
        }
        let listening = self.listening.get_or_insert_with(|| {
            let client = around.engines.of(Protocol::Resp3).client().clone();
            let max = around.world.limits.subscriptions_max;
            let audience = around.world.audience.clone();
            Box::new(Listening::new(client, max, reply::of_error).among(audience))
        });
        listening.request(verb, command);
        Taken::Yes
    }
}
