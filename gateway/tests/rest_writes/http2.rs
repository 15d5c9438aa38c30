//! HTTP/2 with prior knowledge, on the same port.

use bytes::Bytes;
use h2::client::SendRequest;
use hyper::http::Request;

use crate::sending::*;
use ordo_testkit::hub::*;

async fn asked(send: &SendRequest<Bytes>, method: &str, uri: String, body: Option<String>) -> (u16, String) {
    let request = Request::builder().method(method).uri(uri).body(()).expect("a request");
    let mut ready = send.clone().ready().await.expect("the connection is ready");
    let (answer, mut out) = ready.send_request(request, body.is_none()).expect("it is sent");
    if let Some(body) = body {
        out.send_data(body.into(), true).expect("the body is sent");
    }
    let answer = answer.await.expect("an answer");
    let status = answer.status().as_u16();
    let mut body = answer.into_body();
    let mut text = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece.expect("the answer goes on");
        let _ = body.flow_control().release_capacity(piece.len());
        text.extend_from_slice(&piece);
    }
    (status, String::from_utf8(text).expect("a text"))
}

#[test]
fn requests_side_by_side_over_one_connection() {
    let rig = Rig::start();
    let base = format!("http://{}", rig.addr());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(rig.addr()).await.expect("a connection");
        let (send, connection) = h2::client::handshake(stream).await.expect("a handshake");
        tokio::spawn(connection);
        let writes: Vec<_> = (0..20)
            .map(|_| {
                let (send, uri) = (send.clone(), format!("{base}/balance"));
                tokio::spawn(async move { asked(&send, "POST", uri, Some(cash_json("A", "1"))).await })
            })
            .collect();
        for write in writes {
            assert_eq!(write.await.expect("it ends"), (204, String::new()));
        }
        let (status, text) = asked(&send, "GET", format!("{base}/balance/for/XS/A"), None).await;
        assert!(status == 200 && text.contains("\"Balance\":20,"), "{status} {text}");
        let refused = asked(&send, "POST", format!("{base}/balance"), Some("{".into())).await;
        assert_eq!(refused.0, 400);
        assert_eq!(asked(&send, "GET", format!("{base}/balance/for//1"), None).await, (200, "[]".into()));
    });
    assert_eq!(balance(&rig, "A"), "20 0");
}
