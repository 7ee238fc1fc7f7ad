# Short names for the scripts; each also runs by itself.

.PHONY: setup test soak lint deny ci bench

setup: ## install what is missing, build, run the examples
	./scripts/setup.sh

test: ## every test, with HiGHS and without
	./scripts/test.sh

soak: ## property tests on new random inputs
	./scripts/soak.sh

lint: ## format, clippy, documentation
	./scripts/lint.sh

deny: ## licenses and sources of the dependencies
	./scripts/deny.sh

ci: ## all of it
	bash .ci/run

bench: ## micro-benchmarks
	bash -c '. scripts/environment.sh && ensure_tools && cargo bench --locked'
