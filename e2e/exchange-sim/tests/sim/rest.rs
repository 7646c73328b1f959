//! The REST endpoints: form, errors and weights.

use exchange_sim::{Limits, Sim, Start, SymbolSpec, Violation};
use reqwest::Response;
use serde_json::{Value, json};

use crate::client::{Client, fast, sim, strict, until};

pub async fn get(sim: &Sim, path: &str) -> Response {
    reqwest::get(format!("{}/api/v3/{path}", sim.rest_url()))
        .await
        .unwrap()
}

pub async fn body(sim: &Sim, path: &str) -> Value {
    get(sim, path).await.json().await.unwrap()
}

async fn finished() -> Sim {
    let sim = sim([
        fast("BTCUSDT").start(Start::Now),
        fast("ETHUSDT").id_base(10).start(Start::Command),
    ])
    .await;
    until("all is issued", || sim.ledger().symbols["BTCUSDT"].finished).await;
    sim
}

pub fn row_ids(rows: &Value) -> Vec<u64> {
    rows.as_array()
        .unwrap()
        .iter()
        .map(|row| row["id"].as_u64().unwrap())
        .collect()
}

#[tokio::test]
async fn a_trade_has_the_form_of_the_exchange() {
    let rows = body(
        &finished().await,
        "historicalTrades?symbol=BTCUSDT&fromId=553287559&limit=1",
    )
    .await;
    let expected = json!([{
        "id": 553_287_559, "price": "39432.48000000", "qty": "0.00026300", "quoteQty": "10.37074224",
        "time": 1_610_064_000_278_u64, "isBuyerMaker": true, "isBestMatch": true,
    }]);
    assert_eq!(rows, expected);
}

#[tokio::test]
async fn historical_trades_start_at_an_id_and_trades_end_at_the_newest() {
    let sim = finished().await;
    let from = |id: u64| format!("historicalTrades?symbol=BTCUSDT&limit=3&fromId={id}");
    assert_eq!(
        row_ids(&body(&sim, &from(553_287_600)).await),
        [553_287_600, 553_287_601, 553_287_602]
    );
    assert_eq!(row_ids(&body(&sim, &from(553_289_559)).await), [553_289_559]);
    assert!(row_ids(&body(&sim, &from(553_289_560)).await).is_empty());
    assert_eq!(
        row_ids(&body(&sim, &from(1)).await),
        [553_287_559, 553_287_560, 553_287_561]
    );
    assert_eq!(
        row_ids(&body(&sim, "trades?symbol=BTCUSDT&limit=2").await),
        [553_289_558, 553_289_559]
    );
    assert_eq!(row_ids(&body(&sim, "trades?symbol=BTCUSDT").await).len(), 500);
    assert_eq!(
        row_ids(&body(&sim, "trades?symbol=BTCUSDT&limit=5000").await).len(),
        1000
    );
}

#[tokio::test]
async fn only_issued_trades_are_served() {
    let sim = sim([SymbolSpec::new("BTCUSDT").speed(0.001)]).await;
    assert_eq!(body(&sim, "trades?symbol=BTCUSDT").await, json!([]));
    let mut client = Client::connect(&sim, "/ws/btcusdt@trade").await;
    client.text().await;
    assert_eq!(
        row_ids(&body(&sim, "historicalTrades?symbol=BTCUSDT&fromId=1").await),
        [553_287_559]
    );
}

#[rstest::rstest]
#[case("trades", -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")]
#[case("trades?symbol=NONE", -1121, "Invalid symbol.")]
#[case(
    "trades?symbol=btcusdt",
    -1100,
    "Illegal characters found in parameter 'symbol'; legal range is '^[A-Z0-9-_.]{1,20}$'."
)]
#[case(
    "trades?symbol=BTCUSDT&limit=x",
    -1100,
    "Illegal characters found in parameter 'limit'; legal range is '^[0-9]{1,20}$'."
)]
#[case("trades?symbol=BTCUSDT&fromId=1", -1101, "Too many parameters; expected '1' and received '2'.")]
#[case("exchangeInfo?symbol=NONE", -1121, "Invalid symbol.")]
#[tokio::test]
async fn errors_have_the_form_of_the_exchange(#[case] path: &str, #[case] code: i32, #[case] msg: &str) {
    let response = get(&finished().await, path).await;
    assert_eq!(response.status(), 400);
    assert_eq!(
        response.json::<Value>().await.unwrap(),
        json!({"code": code, "msg": msg})
    );
}

#[tokio::test]
async fn general_endpoints_answer() {
    let sim = finished().await;
    assert_eq!(body(&sim, "ping").await, json!({}));
    assert!(body(&sim, "time").await["serverTime"].as_u64().unwrap() > 1_700_000_000_000);
    let info = body(&sim, "exchangeInfo").await;
    let names: Vec<_> = info["symbols"]
        .as_array()
        .unwrap()
        .iter()
        .map(|symbol| &symbol["symbol"])
        .collect();
    assert_eq!(names, ["BTCUSDT", "ETHUSDT"]);
    let one = body(&sim, "exchangeInfo?symbols=[\"ETHUSDT\"]").await["symbols"][0].clone();
    assert_eq!(
        (&one["baseAsset"], &one["quoteAsset"], &one["status"]),
        (&json!("ETH"), &json!("USDT"), &json!("TRADING"))
    );
    let info = get(&sim, "nothing").await;
    assert_eq!(info.status(), 404);
}

#[tokio::test]
async fn the_newest_id_and_the_first_trade_of_a_time_can_be_asked_for() {
    let sim = finished().await;
    let all = body(&sim, "ticker/24hr?type=MINI").await;
    let ids = |row: &Value| {
        (
            row["symbol"].clone(),
            row["firstId"].clone(),
            row["lastId"].clone(),
        )
    };
    assert_eq!(
        [ids(&all[0]), ids(&all[1])],
        [
            (json!("BTCUSDT"), json!(553_287_559), json!(553_289_559)),
            (json!("ETHUSDT"), json!(-1), json!(-1))
        ]
    );
    assert_eq!(body(&sim, "ticker/24hr?symbol=BTCUSDT").await["count"], 2001);
    assert_eq!(get(&sim, "ticker/24hr?symbols=[\"NONE\"]").await.status(), 400);

    // The first trade was at …278, the second at …310.
    let since = |time: u64| format!("aggTrades?symbol=BTCUSDT&limit=1&startTime={time}");
    let expected = json!([{
        "a": 553_287_559, "p": "39432.48000000", "q": "0.00026300", "f": 553_287_559, "l": 553_287_559,
        "T": 1_610_064_000_278_u64, "m": true, "M": true,
    }]);
    assert_eq!(body(&sim, &since(1_610_064_000_278)).await, expected);
    let next = body(&sim, &since(1_610_064_000_279)).await;
    assert_eq!(next[0]["f"], 553_287_560);
    assert_eq!(body(&sim, &since(1_700_000_000_000)).await, json!([]));
}

#[tokio::test]
async fn times_are_in_microseconds_on_request() {
    let sim = finished().await;
    let url = format!("{}/api/v3/trades?symbol=BTCUSDT&limit=1", sim.rest_url());
    let request = reqwest::Client::new()
        .get(url)
        .header("X-MBX-TIME-UNIT", "MICROSECOND");
    let rows: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(rows[0]["time"], 1_610_064_046_355_000_u64);
}

#[tokio::test]
async fn the_used_weight_is_told_and_limited() {
    let limits = Limits {
        weight_per_minute: 60,
        refusals_before_ban: 1,
        ..Limits::default()
    };
    let sim = strict(limits, [fast("BTCUSDT").start(Start::Now)]).await;
    let mut statuses = Vec::new();
    // A minute may begin in between, which adds a few requests that are served.
    while statuses.last() != Some(&418) && statuses.len() < 10 {
        let response = get(&sim, "trades?symbol=BTCUSDT").await;
        let header = |name: &str| {
            response
                .headers()
                .get(name)
                .map(|value| value.to_str().unwrap().to_owned())
        };
        let used: u32 = header("X-MBX-USED-WEIGHT-1M").unwrap().parse().unwrap();
        assert!(used.is_multiple_of(25) && used > 0);
        let status = response.status().as_u16();
        if status == 200 {
            assert!(used <= 60);
        } else {
            let wait: u64 = header("Retry-After").unwrap().parse().unwrap();
            assert!((1..=120).contains(&wait), "{wait}");
            assert_eq!(response.json::<Value>().await.unwrap()["code"], -1003);
        }
        statuses.push(status);
    }
    assert!(
        statuses.starts_with(&[200]) && statuses.ends_with(&[429, 418]),
        "{statuses:?}"
    );
    let violations = sim.ledger().violations;
    assert!(violations[&Violation::RequestWeight] >= 1);
    assert_eq!(violations[&Violation::RequestWhileBanned], 1);
}
