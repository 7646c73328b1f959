//! Against a bare socket.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

#[tokio::test]
async fn wss_begins_a_tls_handshake() {
    const TLS_HANDSHAKE: u8 = 0x16;
    let (listener, address) = listen().await;
    let running = run(&format!("wss://{address}"), hasty(), &["BTCUSDT"]);
    let (mut socket, _) = listener.accept().await.unwrap();
    assert_eq!(socket.read_u8().await.unwrap(), TLS_HANDSHAKE);
    running.stop().await;
}

#[tokio::test]
async fn a_connection_that_is_silent_from_the_start_is_replaced() {
    let (listener, address) = listen().await;
    let timing = Timing {
        silence_limit: Duration::from_millis(20),
        ..hasty()
    };
    let running = run(&format!("ws://{address}"), timing, &["BTCUSDT"]);
    let mut silent = vec![];
    while silent.len() < 2 {
        let (socket, _) = listener.accept().await.unwrap();
        silent.push(tokio_tungstenite::accept_async(socket).await.unwrap());
    }
    assert!(!running.monitor.connected());
    running.stop().await;
}

#[tokio::test]
async fn not_ready_while_the_exchange_refuses_the_handshake() {
    let (listener, address) = listen().await;
    let running = run(&format!("ws://{address}"), hasty(), &["BTCUSDT"]);
    let (socket, _) = listener.accept().await.unwrap();
    refuse(socket).await;
    until("it says why", || {
        running.health.ready().failing["feed"].contains("HTTP 429")
    })
    .await;
    assert_eq!(running.monitor.connections(), 0);
    running.stop().await;
}

async fn refuse(mut socket: TcpStream) {
    let mut request = [0; 4096];
    let read = socket.read(&mut request).await.unwrap();
    assert!(read > 0);
    let answer = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n";
    socket.write_all(answer).await.unwrap();
}
