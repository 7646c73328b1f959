# Every target is one line that a person could type.
.PHONY: cluster cluster-down images test test-unit crds fmt

cluster: ## a kind cluster with two sites, created or repaired
	e2e/cluster/up.sh

cluster-down: ## delete it; images and built programs stay
	e2e/cluster/down.sh

images: ## engine and Rust images, loaded into the cluster where it is up
	e2e/cluster/images.sh

test: ## everything, with a cluster that is brought up where it is missing
	hack/test.sh

test-unit: ## the quick part, which needs no cluster
	hack/test-unit.sh

crds: ## write the files that are generated from the API types
	hack/generate.sh

fmt: ## format the Rust code
	cargo fmt --all
