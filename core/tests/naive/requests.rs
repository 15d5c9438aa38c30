//! Client requests by the rules, naively: a list of them, looked through from the front each time.

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stands {
    Pending,
    Queued,
    Submitted,
    Completed,
    Rejected,
}

#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) id: String,
    pub(crate) quantity: u32,
    pub(crate) stands: Stands,
    /// As shown: an adapter may give another name.
    pub(crate) status: String,
    /// When it became Pending; of a queued one, when it expires.
    pub(crate) at_ns: u64,
    /// When it became Pending, and when it was delivered, counted in updates; 0: it was not.
    pub(crate) since: u64,
    pub(crate) delivered: u64,
    pub(crate) errors: Vec<String>,
    pub(crate) order: Option<String>,
}

/// The requests of one account for one feed.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    pub(crate) all: Vec<Request>,
    pub(crate) is_online: bool,
    updates: u64,
}

impl Requests {
    pub(crate) fn get(&mut self, id: &str) -> Option<&mut Request> {
        self.all.iter_mut().find(|request| request.id == id)
    }

    fn open(&mut self, id: &str) -> Option<&mut Request> {
        self.get(id).filter(|request| !matches!(request.stands, Stands::Completed | Stands::Rejected))
    }

    /// What the client is answered: status and errors.
    pub(crate) fn submit(
        &mut self,
        id: &str,
        quantity: u32,
        expires_ns: Option<u64>,
        now_ns: u64,
    ) -> (String, Vec<String>) {
        self.updates += 1;
        if let Some(known) = self.get(id) {
            if known.quantity != quantity {
                return ("Rejected".into(), vec!["RequestID.Duplicate".into()]);
            }
            let is_open = !matches!(known.stands, Stands::Completed | Stands::Rejected);
            return (if is_open { known.status.clone() } else { format!("{:?}", known.stands) }, Vec::new());
        }
        let stands = match (quantity, expires_ns) {
            (0, _) => Stands::Rejected,
            (_, Some(_)) => Stands::Queued,
            (_, None) => Stands::Pending,
        };
        let errors = if quantity == 0 { vec!["TotalQuantity".to_owned()] } else { Vec::new() };
        let (status, since) = (format!("{stands:?}"), self.updates);
        self.all.push(Request {
            id: id.into(),
            quantity,
            stands,
            status: status.clone(),
            at_ns: expires_ns.unwrap_or(now_ns),
            since,
            delivered: 0,
            errors: errors.clone(),
            order: None,
        });
        (status, errors)
    }

    fn end(request: &mut Request, stands: Stands) {
        request.stands = stands;
        request.status = format!("{stands:?}");
    }

    /// The hub's dispatch of one, or of the oldest; the id of what is delivered.
    pub(crate) fn dispatch(&mut self, id: Option<&str>) -> Option<String> {
        self.updates += 1;
        let (now, is_online) = (self.updates, self.is_online);
        let mut pending: Vec<&mut Request> =
            self.all.iter_mut().filter(|request| request.stands == Stands::Pending).collect();
        pending.sort_by_key(|request| request.since);
        let wanted = pending.into_iter().find(|request| id.is_none_or(|id| id == request.id))?;
        if !is_online {
            return None;
        }
        Requests::end(wanted, Stands::Submitted);
        wanted.delivered = now;
        Some(wanted.id.clone())
    }

    /// The feed comes or goes; what is delivered again.
    pub(crate) fn feed(&mut self, is_online: bool) -> Vec<String> {
        self.updates += 1;
        let was_online = std::mem::replace(&mut self.is_online, is_online);
        let comes = is_online && !was_online;
        let mut again: Vec<&Request> = self.all.iter().filter(|it| it.stands == Stands::Submitted).collect();
        again.retain(|request| comes && request.delivered != 0);
        again.sort_by_key(|request| request.delivered);
        again.into_iter().map(|request| request.id.clone()).collect()
    }

    /// The hub's time-out of one that is due.
    pub(crate) fn time_out(&mut self, now_ns: u64, ended: Option<&str>) -> Option<String> {
        self.updates += 1;
        let due_ns = |request: &Request| match request.stands {
            Stands::Pending => Some(request.at_ns + 30_000_000_000),
            Stands::Queued => Some(request.at_ns),
            _ => None,
        };
        let due = self.all.iter_mut().filter_map(|request| Some((due_ns(request)?, request)));
        let (_, request) = due.filter(|(due_ns, _)| *due_ns <= now_ns).min_by_key(|(due_ns, request)| {
            // Of those that are due at one instant any may be the first.
            (*due_ns, Some(&*request.id) != ended)
        })?;
        Requests::end(request, Stands::Rejected);
        request.errors = vec!["Timeout".into()];
        Some(request.id.clone())
    }

    /// A decision that releases or refuses; the errors of its answer.
    pub(crate) fn decide(&mut self, id: &str, releases: bool, now_ns: u64) -> Vec<String> {
        self.updates += 1;
        let now = self.updates;
        match self.get(id) {
            None => vec!["RequestID".into()],
            Some(request) if request.stands != Stands::Queued => vec!["Status".into()],
            Some(request) if releases => {
                Requests::end(request, Stands::Pending);
                (request.at_ns, request.since) = (now_ns, now);
                Vec::new()
            }
            Some(request) => {
                Requests::end(request, Stands::Rejected);
                Vec::new()
            }
        }
    }

    /// An adapter's word; whether the request is known at all.
    pub(crate) fn progress(&mut self, id: &str, status: &str) -> bool {
        self.updates += 1;
        let is_known = self.get(id).is_some();
        if let Some(request) = self.open(id) {
            match status {
                "Completed" => Requests::end(request, Stands::Completed),
                "Rejected" => Requests::end(request, Stands::Rejected),
                _ if request.stands == Stands::Queued => request.status = status.into(),
                _ => {
                    request.stands = Stands::Submitted;
                    request.status = status.into();
                }
            }
        }
        is_known
    }

    /// An order with the request's id.
    pub(crate) fn order(&mut self, id: &str, order: &str, is_rejected: bool) {
        self.updates += 1;
        if let Some(request) = self.open(id) {
            request.order = Some(order.into());
            if is_rejected {
                Requests::end(request, Stands::Rejected);
            }
        }
    }
}
