PRAGMA application_id = 1332896851;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE again (
	run_id INTEGER NOT NULL, 
	order_id INTEGER NOT NULL, 
	field TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	occurrence INTEGER NOT NULL, 
	closed INTEGER NOT NULL, 
	PRIMARY KEY (run_id, order_id, field, "key", occurrence), 
	FOREIGN KEY(run_id) REFERENCES run (id)
)
 WITHOUT ROWID

;
CREATE TABLE again_run (
	run_id INTEGER NOT NULL, 
	store_id INTEGER NOT NULL, 
	batch TEXT, 
	finished TEXT, 
	PRIMARY KEY (run_id), 
	FOREIGN KEY(run_id) REFERENCES run (id), 
	FOREIGN KEY(store_id) REFERENCES store (id)
);
CREATE TABLE attempt (
	run_id INTEGER NOT NULL, 
	"row" INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	begun TEXT NOT NULL, 
	given_up TEXT, 
	class TEXT, 
	status INTEGER, 
	PRIMARY KEY (run_id, "row", number), 
	FOREIGN KEY(run_id) REFERENCES run (id)
)
 WITHOUT ROWID

;
INSERT INTO "attempt" VALUES(1,2,1,'2026-11-23T09:00:00.000000+00:00','2026-11-23T09:00:00.000000+00:00','answered ok',200);
INSERT INTO "attempt" VALUES(2,2,1,'2026-11-24T09:00:00.000000+00:00','2026-11-24T09:00:00.000000+00:00','unknown',200);
CREATE TABLE baseline (
	run_id INTEGER NOT NULL, 
	"row" INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	field TEXT NOT NULL, 
	text TEXT, 
	hash TEXT, 
	PRIMARY KEY (run_id, "row", number, field), 
	FOREIGN KEY(run_id, "row", number) REFERENCES attempt (run_id, "row", number), 
	CONSTRAINT baseline_text CHECK ((text IS NULL) <> (hash IS NULL))
);
INSERT INTO "baseline" VALUES(1,2,1,'internalComment','before',NULL);
INSERT INTO "baseline" VALUES(1,2,1,'comment','',NULL);
INSERT INTO "baseline" VALUES(2,2,1,'internalComment','before',NULL);
INSERT INTO "baseline" VALUES(2,2,1,'comment','',NULL);
CREATE TABLE claim (
	store_id INTEGER NOT NULL, 
	order_id INTEGER NOT NULL, 
	process_id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	PRIMARY KEY (store_id, order_id), 
	FOREIGN KEY(store_id) REFERENCES store (id), 
	FOREIGN KEY(process_id) REFERENCES process (id), 
	FOREIGN KEY(run_id) REFERENCES run (id)
)
 WITHOUT ROWID

;
CREATE TABLE learned (
	store_id INTEGER NOT NULL, 
	field TEXT NOT NULL, 
	reads_back INTEGER NOT NULL, 
	PRIMARY KEY (store_id, field), 
	FOREIGN KEY(store_id) REFERENCES store (id)
)
 WITHOUT ROWID

;
CREATE TABLE meta (
	name TEXT NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (name)
)
 WITHOUT ROWID

;
INSERT INTO "meta" VALUES('created','2026-11-27T21:34:14.816600+00:00');
INSERT INTO "meta" VALUES('salt','867ae5b085d4ae1f3be0ce37e6a6d233795f4a07aa9b5092eaf7c78e69d65c68');
CREATE TABLE operation (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	"row" INTEGER NOT NULL, 
	field TEXT NOT NULL, 
	store_id INTEGER NOT NULL, 
	order_id INTEGER NOT NULL, 
	place INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	key_version INTEGER NOT NULL, 
	batch TEXT, 
	occurrence INTEGER NOT NULL, 
	state TEXT NOT NULL, 
	attempt INTEGER NOT NULL, 
	doubted INTEGER NOT NULL, 
	open INTEGER NOT NULL, 
	at TEXT NOT NULL, 
	adopted TEXT, 
	message TEXT NOT NULL, 
	resolved_by TEXT, 
	value TEXT, 
	PRIMARY KEY (id), 
	CONSTRAINT operation_ref UNIQUE (run_id, "row", field), 
	CONSTRAINT operation_kind CHECK (kind IN ('append', 'replace', 'set', 'clear')), 
	CONSTRAINT operation_occurrence CHECK (occurrence > 0), 
	FOREIGN KEY(run_id) REFERENCES run (id), 
	FOREIGN KEY(store_id) REFERENCES store (id)
);
INSERT INTO "operation" VALUES(1,1,2,'internalComment',1,7,1,'append','bfeb9e8ccf74043316f198274a1376b7',1,NULL,1,'applied',1,0,0,'2026-11-23T09:00:00.000000+00:00',NULL,'',NULL,'"Delayed by strike"');
INSERT INTO "operation" VALUES(2,2,2,'internalComment',1,8,1,'append','cde8356874d3e48ad9a855c575e17c8b',1,NULL,1,'in doubt',1,1,1,'2026-11-24T09:00:00.000000+00:00',NULL,'',NULL,'"Call back"');
CREATE TABLE process (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	lock TEXT NOT NULL, 
	pid INTEGER NOT NULL, 
	machine TEXT NOT NULL, 
	started TEXT NOT NULL, 
	UNIQUE (lock)
);
CREATE TABLE "row" (
	run_id INTEGER NOT NULL, 
	"row" INTEGER NOT NULL, 
	order_text TEXT NOT NULL, 
	state TEXT NOT NULL, 
	outcome TEXT, 
	message TEXT NOT NULL, 
	at TEXT, 
	left_out INTEGER NOT NULL, 
	PRIMARY KEY (run_id, "row"), 
	CONSTRAINT row_state CHECK (state IN ('sending', 'done')), 
	CONSTRAINT row_outcome CHECK ((state = 'done') = (outcome IS NOT NULL)), 
	FOREIGN KEY(run_id) REFERENCES run (id)
)
 WITHOUT ROWID

;
INSERT INTO "row" VALUES(1,2,'7','done','applied','','2026-11-23T09:00:00.000000+00:00',0);
INSERT INTO "row" VALUES(2,2,'8','done','unconfirmed','','2026-11-24T09:00:00.000000+00:00',0);
CREATE TABLE run (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name TEXT NOT NULL, 
	store_id INTEGER NOT NULL, 
	process_id INTEGER NOT NULL, 
	host TEXT NOT NULL, 
	profile TEXT, 
	tool_version TEXT NOT NULL, 
	user TEXT NOT NULL, 
	machine TEXT NOT NULL, 
	options TEXT NOT NULL, 
	mapping TEXT NOT NULL, 
	input TEXT NOT NULL, 
	sha256 TEXT, 
	copy TEXT, 
	sheet TEXT, 
	header_row INTEGER, 
	batch TEXT, 
	again INTEGER NOT NULL, 
	settle INTEGER NOT NULL, 
	started TEXT NOT NULL, 
	finished TEXT, 
	stopped_by TEXT, 
	message TEXT NOT NULL, 
	counts TEXT, 
	report TEXT, 
	purged TEXT, 
	UNIQUE (name), 
	FOREIGN KEY(store_id) REFERENCES store (id)
);
INSERT INTO "run" VALUES(1,'20261123-c000',1,1,'shop.example',NULL,'1','ann','desk','{}','{}','/sheets/orders.csv',NULL,NULL,NULL,NULL,NULL,0,90000,'2026-11-23T09:00:00.000000+00:00','2026-11-23T09:00:00.000000+00:00',NULL,'','{"outcomes": {"applied": 1}, "requests": null}',NULL,NULL);
INSERT INTO "run" VALUES(2,'20261124-c000',1,1,'shop.example',NULL,'1','ann','desk','{}','{}','/sheets/orders.csv','abababababababababababababababababababababababababababababababab',NULL,NULL,NULL,NULL,0,90000,'2026-11-24T09:00:00.000000+00:00','2026-11-24T09:00:00.000000+00:00','server-down','The server is down.','{"outcomes": {"unconfirmed": 1}, "requests": null}',NULL,NULL);
CREATE TABLE store (
	id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (name)
);
INSERT INTO "store" VALUES(1,'shop');
CREATE INDEX operation_history ON operation (store_id, order_id, place);
CREATE INDEX operation_open ON operation (store_id, order_id) WHERE open = 1;
CREATE INDEX claim_process ON claim (process_id);
CREATE TRIGGER operation_enters BEFORE INSERT ON operation
        WHEN NEW.state NOT IN ('sending', 'there')
        BEGIN SELECT RAISE(ABORT, 'illegal move: an operation cannot enter in this state'); END;
CREATE TRIGGER operation_moves BEFORE UPDATE OF state ON operation
        WHEN NOT ((OLD.state = 'absent' AND NEW.state = 'sending') OR (OLD.state = 'in doubt' AND NEW.state = 'absent') OR (OLD.state = 'in doubt' AND NEW.state = 'applied') OR (OLD.state = 'in doubt' AND NEW.state = 'refused') OR (OLD.state = 'in doubt' AND NEW.state = 'sending') OR (OLD.state = 'sending' AND NEW.state = 'absent') OR (OLD.state = 'sending' AND NEW.state = 'applied') OR (OLD.state = 'sending' AND NEW.state = 'in doubt') OR (OLD.state = 'sending' AND NEW.state = 'refused') OR (OLD.state = NEW.state AND NEW.state <> 'sending'))
        BEGIN SELECT RAISE(ABORT, 'illegal move of an operation'); END;
CREATE TRIGGER operation_appends_once BEFORE UPDATE OF state ON operation
        WHEN OLD.kind = 'append' AND OLD.state = 'in doubt' AND NEW.state = 'sending'
        BEGIN SELECT RAISE(ABORT, 'illegal move: an append in doubt is not sent'); END;
CREATE TRIGGER operation_is_fixed
        BEFORE UPDATE OF run_id, row, field, store_id, order_id, kind, key, key_version, batch, occurrence
        ON operation
        BEGIN SELECT RAISE(ABORT, 'illegal change: what an operation does is fixed'); END;
CREATE TRIGGER operation_keeps_text BEFORE UPDATE OF value ON operation
        WHEN NEW.value IS NOT OLD.value AND (NEW.value IS NOT NULL OR OLD.open = 1)
        BEGIN SELECT RAISE(ABORT, 'illegal change: the text is still needed'); END;
CREATE TRIGGER operation_stays BEFORE DELETE ON operation
        WHEN OLD.state <> 'absent'
        BEGIN SELECT RAISE(ABORT, 'illegal removal: the operation is still needed'); END;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('process',1);
INSERT INTO "sqlite_sequence" VALUES('run',2);
COMMIT;
