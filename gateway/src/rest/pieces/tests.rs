use std::task::Waker;

use hyper::body::Body as _;

use super::*;

const SHORT: Duration = Duration::from_millis(50);
const LONG: Duration = Duration::from_secs(20);

/// What there is to take now.
fn take(taken: &mut Taken) -> Poll<Option<io::Result<usize>>> {
    let next = Pin::new(taken).poll_frame(&mut Context::from_waker(Waker::noop()));
    next.map(|piece| piece.map(|piece| piece.map(|frame| frame.into_data().expect("data").len())))
}

fn is_broken_off(taken: &Poll<Option<io::Result<usize>>>) -> bool {
    matches!(taken, Poll::Ready(Some(Err(_))))
}

fn put_one(pieces: &mut Pieces) -> bool {
    pieces.put(|piece| piece.extend_from_slice(&[0; PIECE_BYTES]))
}

/// More than may wait.
fn put_much(pieces: &mut Pieces) -> bool {
    (0..PIECES_AHEAD + 2).all(|_| put_one(pieces))
}

#[test]
fn a_reader_that_takes_nothing_is_given_up_and_what_waits_for_it_is_no_answer() {
    let (mut pieces, mut taken) = pipe((SHORT, Clock::system()), None);
    assert!(!put_much(&mut pieces));
    assert!(!pieces.is_listened_to());
    assert!(is_broken_off(&take(&mut taken)));
    let begun = Clock::system().now();
    assert!(!put_much(&mut pieces) && begun.elapsed() < SHORT, "it is waited for once");
}

#[test]
fn a_reader_that_takes_one_piece_at_a_time_just_in_time_has_all_of_it() {
    const PIECES: usize = 12;
    let (mut pieces, mut taken) = pipe((SHORT * 8, Clock::system()), None);
    let begun = Clock::system().now();
    let worker = thread::spawn(move || {
        let all_was_put = (0..PIECES).all(|_| put_one(&mut pieces));
        pieces.finish();
        all_was_put
    });
    let mut bytes = 0;
    loop {
        Clock::system().sleep(SHORT);
        match take(&mut taken) {
            Poll::Ready(Some(piece)) => bytes += piece.expect("it goes on"),
            Poll::Ready(None) => break,
            Poll::Pending => {}
        }
    }
    assert!(worker.join().expect("ended"));
    assert!(bytes == PIECES * PIECE_BYTES && begun.elapsed() > SHORT * 8);
}

#[test]
fn a_worker_that_waits_goes_on_when_a_piece_is_taken_and_stops_when_the_reader_goes() {
    let (mut pieces, mut taken) = pipe((LONG, Clock::system()), None);
    let begun = Clock::system().now();
    let worker = thread::spawn(move || put_much(&mut pieces));
    while !matches!(take(&mut taken), Poll::Ready(Some(Ok(_)))) {
        thread::yield_now();
    }
    drop(taken);
    assert!(!worker.join().expect("ended"));
    assert!(begun.elapsed() < LONG);
}

#[test]
fn only_an_answer_that_came_to_its_end_is_whole() {
    let (whole, mut taken) = pipe((LONG, Clock::system()), None);
    whole.finish();
    assert!(matches!(take(&mut taken), Poll::Ready(Some(Ok(0)))));
    assert!(matches!(take(&mut taken), Poll::Ready(None)));
    let (mut cut, mut taken) = pipe((LONG, Clock::system()), None);
    assert!(put_one(&mut cut));
    // As where its worker fails or panics.
    drop(cut);
    assert!(matches!(take(&mut taken), Poll::Ready(Some(Ok(_)))));
    assert!(is_broken_off(&take(&mut taken)));
}
