# Every target is one line that a person could type.
.PHONY: cluster cluster-down images demo test test-unit lint unit chart test-nightly e2e bench bench-cluster crds fmt

cluster: ## a kind cluster with two sites, created or repaired
	e2e/cluster/up.sh

cluster-down: ## delete it; images and built programs stay
	e2e/cluster/down.sh

images: ## engine and Rust images, loaded into the cluster where it is up
	e2e/cluster/images.sh

demo: ## everything from nothing, one pipeline, real trades and the proof that each arrived exactly once
	e2e/demo.sh

test: ## what a change must pass; a cluster is brought up where it is missing
	hack/test.sh

test-unit: ## the quick part, which needs no cluster
	hack/test-unit.sh

lint: ## format, lints, dependency policy, scripts, workflows
	hack/lint.sh

unit: ## the unit tests, each with a limit
	hack/unit.sh

chart: ## the chart, with its defaults and each preset
	hack/chart.sh

test-nightly: ## everything, in parts that go on where they were stopped; PART=2/6 runs one
	hack/test-nightly.sh

e2e: ## the end-to-end tests alone
	e2e/run.sh

bench: ## what decoding, archive files and ingest cost per trade, and how long a trade is under way in ingest
	cargo bench --workspace --locked --bench codec --bench ingest

bench-cluster: ## what a processor costs per trade and how soon a trade can be read, with the real engines on kind
	e2e/bench.sh

crds: ## write the files that are generated from the API types
	hack/generate.sh

fmt: ## format the Rust code
	cargo fmt --all
