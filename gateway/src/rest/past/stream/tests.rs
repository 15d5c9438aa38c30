use std::task::Waker;

use hyper::body::Body as _;
use ordo_core::json::message::AUDIT_RECORD;

use super::super::super::records::Form;
use super::*;

const SHORT: Duration = Duration::from_millis(50);
const LONG: Duration = Duration::from_secs(20);

fn answers(patience: Duration) -> (Answers, Pieces) {
    Answers::new(Array::new(Form::Protobuf, AUDIT_RECORD), patience, None)
}

/// What there is to take now.
fn take(pieces: &mut Pieces) -> Poll<Option<io::Result<usize>>> {
    let taken = Pin::new(pieces).poll_frame(&mut Context::from_waker(Waker::noop()));
    taken.map(|piece| piece.map(|piece| piece.map(|frame| frame.into_data().expect("data").len())))
}

fn is_broken_off(taken: &Poll<Option<io::Result<usize>>>) -> bool {
    matches!(taken, Poll::Ready(Some(Err(_))))
}

/// More than may wait.
fn put_much(answers: &mut Answers) -> bool {
    let record = [0; PIECE_BYTES];
    (0..PIECES_AHEAD + 2).all(|_| answers.put(&record))
}

#[test]
fn a_reader_that_takes_nothing_is_given_up_and_what_waits_for_it_is_no_answer() {
    let (mut answers, mut pieces) = answers(SHORT);
    assert!(!put_much(&mut answers));
    assert!(!answers.is_listened_to());
    assert!(is_broken_off(&take(&mut pieces)));
    let begun = Instant::now();
    assert!(!put_much(&mut answers) && begun.elapsed() < SHORT, "it is waited for once");
}

#[test]
fn a_reader_that_takes_one_piece_at_a_time_just_in_time_has_all_of_it() {
    const PIECES: usize = 12;
    let (mut answers, mut pieces) = answers(SHORT * 8);
    let begun = Instant::now();
    let worker = thread::spawn(move || {
        let all_was_put = (0..PIECES).all(|_| answers.put(&[0; PIECE_BYTES]));
        answers.end(Ok(()));
        all_was_put
    });
    let mut bytes = 0;
    loop {
        thread::sleep(SHORT);
        match take(&mut pieces) {
            Poll::Ready(Some(piece)) => bytes += piece.expect("it goes on"),
            Poll::Ready(None) => break,
            Poll::Pending => {}
        }
    }
    assert!(worker.join().expect("ended"));
    assert!(bytes > PIECES * PIECE_BYTES && begun.elapsed() > SHORT * 8);
}

#[test]
fn a_worker_that_waits_goes_on_when_a_piece_is_taken_and_stops_when_the_reader_goes() {
    let (mut answers, mut pieces) = answers(LONG);
    let begun = Instant::now();
    let worker = thread::spawn(move || put_much(&mut answers));
    while !matches!(take(&mut pieces), Poll::Ready(Some(Ok(_)))) {
        thread::yield_now();
    }
    drop(pieces);
    assert!(!worker.join().expect("ended"));
    assert!(begun.elapsed() < LONG);
}

#[test]
fn only_an_answer_that_came_to_its_end_is_whole() {
    let (whole, mut pieces) = answers(LONG);
    whole.end(Ok(()));
    assert!(matches!(take(&mut pieces), Poll::Ready(Some(Ok(0)))));
    assert!(matches!(take(&mut pieces), Poll::Ready(None)));
    for ended in [Some(Err(HistoryError::Unwanted)), None] {
        let (mut cut, mut pieces) = answers(LONG);
        assert!(cut.put(&[0; PIECE_BYTES]));
        match ended {
            Some(ended) => cut.end(ended),
            // As where its worker panics.
            None => drop(cut),
        }
        assert!(matches!(take(&mut pieces), Poll::Ready(Some(Ok(_)))));
        assert!(is_broken_off(&take(&mut pieces)));
    }
}
