# `make` alone says what there is. Every target makes the virtual environment it needs, in .venv.
# PYTHON chooses the interpreter: make test PYTHON=python3.13

PYTHON ?= python3
IN := .venv/bin
READY := .venv/ready
LOCAL_DIR ?= .local
export LOCAL_DIR

.DEFAULT_GOAL := help
.PHONY: help run demo pay call trace audit restore-drill siege fuzz bench bench-push fault delivery measurements sim sim-mutations test test-installed check gen lint format types drift lock migration

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(READY) ## Start everything on this machine: make run BASE_PORT=9000 WORKERS=2 LOCAL_DIR=.local-two
	@exec $(IN)/python -m chassis.local

demo: $(READY) ## Play a busy hour against a running `make run` and audit it: make demo DEMO_ORDERS=3000 DEMO_SEED=7
	@exec $(IN)/python -m tests.demo

pay: $(READY) ## Confirm a payment that waits for the customer's bank: make pay ORDER=ord_... RESULT=declined
	@exec $(IN)/python -m chassis.local.pay "$(ORDER)" "$(RESULT)"

call: $(READY) ## Call a service of the running product: make call RPC=inventory.v1.StockService/GetStock DATA='{"sku": "SERUM-30"}'
	@exec $(IN)/python -m chassis.local.call "$(RPC)" '$(DATA)'

trace: $(READY) ## Show where a traced request spent its time, the last one or: make trace ID=my-request
	@exec $(IN)/python -m chassis.trace_view "$(LOCAL_DIR)/traces.jsonl" "$(ID)"

audit: $(READY) ## Compare stock, orders, promotions and events of a running `make run`: make audit REPAIR=1
	@exec $(IN)/python -m chassis.local.audit

restore-drill: $(READY) ## Restore a backup while orders come in, and judge how soon all is right again
	@exec $(IN)/python -m tests.restore

siege: $(READY) ## Attack a product and measure what its callers notice: make siege SIEGE_SECONDS=60 SIEGE_ONLY=half-open
	@exec $(IN)/python -m tests.siege

fuzz: $(READY) ## Call every method and route with hostile input: make fuzz FUZZ_SECONDS=600 FUZZ_SEED=1
	@exec $(IN)/python -m tests.fuzz

bench: $(READY) ## Measure everything next to its limits and its alternatives: make bench BENCH_SECONDS=1 BENCH_LONG=1
	@exec $(IN)/python -m tests.bench

bench-push: $(READY) ## Measure how late WebSocket clients and webhook receivers hear of changes: make bench-push PUSH_PER_S=1000
	@exec $(IN)/python -m tests.bench.push

fault: $(READY) ## Break everything under load and judge: make fault FAULT_ONLY=kills,valkey-flushed FAULT_TRIES=3 FAULT_RATE=400
	@exec $(IN)/python -m tests.fault

delivery: $(READY) ## Break what lies between an event and those who are told, and judge: make delivery DELIVERY_ONLY=broker
	@exec $(IN)/python -m tests.delivery

measurements: $(READY) ## Write the tables in docs/ from the results of the proofs
	@exec $(IN)/python -m tests.measurements

sim: $(READY) ## Simulate crashes, losses and delays: make sim SEEDS=1000000 SEED_START=0
	@exec $(IN)/python -m tests.sim

sim-mutations: $(READY) ## Show that the simulation misses each safeguard of the protocol that is taken away
	@exec $(IN)/python -m tests.sim.without

test test-installed: export GRPC_ENABLE_FORK_SUPPORT = 0 # its handlers of fork() crash a child now and then, and tests start many
test: $(READY) ## Run the tests on real servers, on all cores: make test ARGS="tests/edge -x"
	@exec $(IN)/python -m pytest -n auto --dist loadfile $(ARGS)

test-installed: $(READY) ## Run what has SQL or Lua on the PostgreSQL (14 to 17) and Redis that packages have installed
	@exec $(IN)/python -m tests.installed $(ARGS)

check: ## Run all that CI runs
	@exec .ci/run

gen: $(READY) ## Write gen/ and the AsyncAPI document anew from protos/
	$(IN)/python -m chassis.codegen
	$(IN)/python -m chassis.events.asyncapi

lint: $(READY) ## Check style, formatting, import rules and protos
	$(IN)/python -m ruff check
	$(IN)/python -m ruff format --check
	$(IN)/python -m tests.house.contracts
	$(IN)/buf lint

format: $(READY) ## Format the code and mend what the linter can mend
	$(IN)/python -m ruff check --fix
	$(IN)/python -m ruff format

types: $(READY) ## Check types
	$(IN)/python -m mypy .

drift: $(READY) ## Check that gen/, asyncapi.json and the tables in docs/ are up to date, and that protos/ break no caller of main's
	$(IN)/python -m chassis.codegen --check
	$(IN)/python -m chassis.events.asyncapi --check
	$(IN)/python -m tests.measurements --check
	.ci/breaking

migration: $(READY) ## Begin a migration: make migration SERVICE=inventory MESSAGE="add a column"
	@exec $(IN)/python -m chassis.local.migration "$(SERVICE)" "$(MESSAGE)"

lock: ## Renew requirements.lock from pyproject.toml with the newest versions
	@.ci/lock "$(PYTHON)"

$(READY): requirements.lock
	@.ci/environment "$(PYTHON)" .venv
	@touch $@
