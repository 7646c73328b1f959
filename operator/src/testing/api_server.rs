//! An API server in memory: get, list by label, server-side apply, merge patch, delete, create.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex},
};

use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use kube::{Client, client::Body};
use serde_json::{Value, json};

/// Objects by path, for instance `/api/v1/namespaces/prod/pods/a`.
#[derive(Clone, Default)]
pub struct ApiServer(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Value>,
    writes: Vec<String>,
    version: u64,
    refused: Vec<String>,
    closed_budgets: bool,
}

impl ApiServer {
    /// A client of this server.
    pub fn client(&self) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move { Ok::<_, Infallible>(server.answer(request).await) }
        });
        Client::new(service, "default")
    }

    /// Every write so far, as `METHOD path`.
    pub fn writes(&self) -> Vec<String> {
        self.0.lock().unwrap().writes.clone()
    }

    /// Refuses every write whose path contains this.
    pub fn refuse(&self, path: Option<&str>) {
        self.0.lock().unwrap().refused = path.into_iter().map(str::to_owned).collect();
    }

    /// Refuses every write whose path contains one of these.
    pub fn refuse_all(&self, paths: &[&str]) {
        self.0.lock().unwrap().refused = paths.iter().map(|path| (*path).to_owned()).collect();
    }

    /// Refuses evictions, as while another member of the role is away.
    pub fn close_budgets(&self, closed: bool) {
        self.0.lock().unwrap().closed_budgets = closed;
    }

    pub fn get(&self, path: &str) -> Option<Value> {
        self.0.lock().unwrap().objects.get(path).cloned()
    }

    /// Objects whose path contains this.
    pub fn find(&self, part: &str) -> Vec<(String, Value)> {
        let state = self.0.lock().unwrap();
        let found = state.objects.iter().filter(|(path, _)| path.contains(part));
        found
            .map(|(path, object)| (path.clone(), object.clone()))
            .collect()
    }

    /// Stores an object as another controller or a user would: no write of the operator.
    pub fn put(&self, path: &str, object: Value) {
        self.0.lock().unwrap().store(path, object);
    }

    /// Removes an object as another controller or a user would.
    pub fn remove(&self, path: &str) {
        self.0.lock().unwrap().objects.remove(path);
    }

    async fn answer(&self, request: Request<Body>) -> Response<String> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let path = parts.uri.path().to_owned();
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let mut state = self.0.lock().unwrap();
        if parts.method != Method::GET {
            state.writes.push(format!("{} {path}", parts.method));
            if state.refused.iter().any(|part| path.contains(part)) {
                return failure(StatusCode::FORBIDDEN, "refused by the test");
            }
        }
        match parts.method {
            Method::GET => state.read(&path, &query),
            Method::POST if path.ends_with("/eviction") => state.evict(&path, &body),
            Method::POST => respond(StatusCode::CREATED, &body),
            Method::PATCH => {
                let merge = parts.headers["content-type"] == "application/merge-patch+json";
                if merge {
                    state.merge(&path, &body)
                } else {
                    state.apply(&path, body)
                }
            }
            Method::DELETE => state.delete(&path, &body),
            _ => failure(StatusCode::METHOD_NOT_ALLOWED, "not implemented"),
        }
    }
}

impl State {
    fn read(&self, path: &str, query: &str) -> Response<String> {
        if let Some(object) = self.objects.get(path) {
            return respond(StatusCode::OK, object);
        }
        // Collections have plural names, and no test uses an object name that ends in s.
        if !path.ends_with('s') {
            return failure(StatusCode::NOT_FOUND, "not found");
        }
        let selector = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("labelSelector="))
            .unwrap_or_default()
            .replace("%3D", "=")
            .replace("%2C", ",")
            .replace("%2F", "/");
        let wanted: Vec<_> = selector
            .split(',')
            .filter_map(|term| term.split_once('='))
            .collect();
        let prefix = format!("{path}/");
        let items: Vec<_> = self
            .objects
            .iter()
            .filter(|(path, _)| path.starts_with(&prefix))
            .map(|(_, object)| object)
            .filter(|object| {
                wanted
                    .iter()
                    .all(|(key, value)| object["metadata"]["labels"][*key] == **value)
            })
            .collect();
        respond(
            StatusCode::OK,
            &json!({"apiVersion": "v1", "kind": "List", "metadata": {}, "items": items}),
        )
    }

    fn apply(&mut self, path: &str, mut applied: Value) -> Response<String> {
        if let Some(parent) = path.strip_suffix("/status") {
            let Some(mut object) = self.objects.get(parent).cloned() else {
                return failure(StatusCode::NOT_FOUND, "not found");
            };
            object["status"] = applied["status"].take();
            return respond(StatusCode::OK, &self.store(parent, object));
        }
        if let Some(live) = self.objects.get(path) {
            // Fields of other writers stay.
            for key in ["uid", "finalizers", "deletionTimestamp", "generation"] {
                if let Some(value) = live["metadata"].get(key) {
                    applied["metadata"][key] = value.clone();
                }
            }
            if let Some(annotations) = live["metadata"]["annotations"].as_object() {
                for (key, value) in annotations {
                    let field = &mut applied["metadata"]["annotations"][key];
                    if field.is_null() {
                        *field = value.clone();
                    }
                }
            }
            if live.get("status").is_some() {
                applied["status"] = live["status"].clone();
            }
        }
        respond(StatusCode::OK, &self.store(path, applied))
    }

    fn merge(&mut self, path: &str, change: &Value) -> Response<String> {
        let Some(mut object) = self.objects.get(path).cloned() else {
            return failure(StatusCode::NOT_FOUND, "not found");
        };
        let version = &change["metadata"]["resourceVersion"];
        if version.is_string() && *version != object["metadata"]["resourceVersion"] {
            return failure(StatusCode::CONFLICT, "the object was changed");
        }
        merge(&mut object, change);
        let gone = object["metadata"]["deletionTimestamp"].is_string()
            && object["metadata"]["finalizers"]
                .as_array()
                .is_none_or(Vec::is_empty);
        let object = self.store(path, object);
        if gone {
            self.objects.remove(path);
        }
        respond(StatusCode::OK, &object)
    }

    fn delete(&mut self, path: &str, options: &Value) -> Response<String> {
        let Some(object) = self.objects.get(path).cloned() else {
            return failure(StatusCode::NOT_FOUND, "not found");
        };
        let uid = &options["preconditions"]["uid"];
        if uid.is_string() && *uid != object["metadata"]["uid"] {
            return failure(StatusCode::CONFLICT, "another object of that name");
        }
        self.objects.remove(path);
        respond(StatusCode::OK, &object)
    }

    fn evict(&mut self, path: &str, eviction: &Value) -> Response<String> {
        let pod = path.trim_end_matches("/eviction");
        if self.closed_budgets {
            return failure(StatusCode::TOO_MANY_REQUESTS, "the disruption budget has no room");
        }
        let deleted = self.delete(pod, &eviction["deleteOptions"]);
        if deleted.status() != StatusCode::OK {
            return deleted;
        }
        respond(
            StatusCode::CREATED,
            &json!({"kind": "Status", "apiVersion": "v1", "status": "Success"}),
        )
    }

    /// Keeps uid, generation and resourceVersion as an API server does.
    fn store(&mut self, path: &str, mut object: Value) -> Value {
        self.version += 1;
        let version = self.version;
        let before = self.objects.get(path);
        let changed = before.is_none_or(|before| before.get("spec") != object.get("spec"));
        let metadata = &mut object["metadata"];
        if metadata["uid"].is_null() {
            metadata["uid"] = json!(format!("uid-{version}"));
        }
        if changed {
            metadata["generation"] = json!(metadata["generation"].as_i64().unwrap_or(0) + 1);
        }
        metadata["resourceVersion"] = json!(version.to_string());
        self.objects.insert(path.to_owned(), object.clone());
        object
    }
}

fn merge(object: &mut Value, change: &Value) {
    match change {
        Value::Object(change) => {
            if !object.is_object() {
                *object = json!({});
            }
            for (key, value) in change {
                merge(&mut object[key], value);
            }
        }
        value => *object = value.clone(),
    }
}

fn respond(status: StatusCode, body: &Value) -> Response<String> {
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(body.to_string())
        .unwrap()
}

fn failure(code: StatusCode, message: &str) -> Response<String> {
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code.as_u16(),
                        "message": message, "reason": code.canonical_reason()});
    respond(code, &status)
}
