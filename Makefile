# Every target is one line that a person could type.
.PHONY: cluster cluster-down images

cluster: ## a kind cluster with two sites, created or repaired
	e2e/cluster/up.sh

cluster-down: ## delete it; images and built programs stay
	e2e/cluster/down.sh

images: ## engine and Rust images, loaded into the cluster where it is up
	e2e/cluster/images.sh
