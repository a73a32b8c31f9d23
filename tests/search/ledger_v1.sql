BEGIN TRANSACTION;
CREATE TABLE artifacts (
	id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	path TEXT NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	bytes INTEGER NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (trial_id, kind), 
	FOREIGN KEY(trial_id) REFERENCES trials (id) ON DELETE CASCADE
);
INSERT INTO "artifacts" VALUES(1,1,'validation','hello/predictions/trial-00000-validation.npz','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',1000000000);
INSERT INTO "artifacts" VALUES(2,1,'model','m.pt','bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb',0);
CREATE TABLE reports (
	trial_id INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	metrics JSON NOT NULL, 
	elapsed FLOAT NOT NULL, 
	"order" INTEGER NOT NULL, 
	checkpoint TEXT, 
	seconds FLOAT NOT NULL, 
	PRIMARY KEY (trial_id, step), 
	FOREIGN KEY(trial_id) REFERENCES trials (id) ON DELETE CASCADE
);
INSERT INTO "reports" VALUES(1,1,'{"loss": 1.0, "n": 9223372036854775808, "none": null, "text": "it''s; \u00fc"}',1.5,2,NULL,0.25);
INSERT INTO "reports" VALUES(1,2,'{"loss": 0.5, "n": 9223372036854775808, "none": null, "text": "it''s; \u00fc"}',3.0,3,'/c/2',0.5);
INSERT INTO "reports" VALUES(1,3,'{"loss": 0.3333333333333333, "n": 9223372036854775808, "none": null, "text": "it''s; \u00fc"}',4.5,4,'/c/3',0.75);
INSERT INTO "reports" VALUES(2,1,'{"loss": 0.125}',2.0,5,NULL,0.5);
INSERT INTO "reports" VALUES(4,1,'{"loss": 2.0}',1.0,1,'/c/9',0.5);
CREATE TABLE schema_version (
	version INTEGER NOT NULL
);
INSERT INTO "schema_version" VALUES(1);
CREATE TABLE sweeps (
	id INTEGER NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	spec JSON NOT NULL, 
	directory TEXT NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	note TEXT NOT NULL, 
	created FLOAT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (name)
);
INSERT INTO "sweeps" VALUES(2,'hello','{"name": "hello", "description": "\u00fcn\u00efcode \ud83d\ude80", "seed": 0, "trainable": "train.py:train", "objectives": [{"metric": "loss", "goal": "minimize", "scorer": null}], "parameters": {"lr": {"type": "float", "min": 1e-05, "max": 0.1, "log": true}, "big": {"values": [9223372036854775808, -9223372036854775808]}}, "searcher": {"type": "tpe", "startup": 10}, "scheduler": {"type": "asha", "eta": 3, "grace": null}, "fidelity": {"unit": "epoch", "min": 1, "max": 3}, "budget": {"trials": 3, "time": "3600s", "concurrent": null}, "resources": {"cpu": 1.0, "gpu": 0.0}, "leaderboard": {"top": 5, "seeds": 5, "test": "paired_t", "correction": "holm", "alpha": 0.05, "tie_break": "mean"}}','/home/me/caf\udce9','finished','it''s done; ünïcode',1790000000.25);
INSERT INTO "sweeps" VALUES(3,'other','{"name": "other", "description": "\u00fcn\u00efcode \ud83d\ude80", "seed": 0, "trainable": "train.py:train", "objectives": [{"metric": "loss", "goal": "minimize", "scorer": null}], "parameters": {"lr": {"type": "float", "min": 1e-05, "max": 0.1, "log": true}, "big": {"values": [9223372036854775808, -9223372036854775808]}}, "searcher": {"type": "tpe", "startup": 10}, "scheduler": {"type": "none"}, "fidelity": null, "budget": {"trials": 3, "time": "3600s", "concurrent": null}, "resources": {"cpu": 1.0, "gpu": 0.0}, "leaderboard": {"top": 5, "seeds": 5, "test": "paired_t", "correction": "holm", "alpha": 0.05, "tie_break": "mean"}}','/home/you','running','',1790000000.25);
CREATE TABLE trials (
	id INTEGER NOT NULL, 
	sweep_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	phase VARCHAR(16) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	config JSON NOT NULL, 
	config_id VARCHAR(12) NOT NULL, 
	seed BIGINT NOT NULL, 
	split INTEGER NOT NULL, 
	parent INTEGER, 
	attempts INTEGER NOT NULL, 
	reason TEXT NOT NULL, 
	detail TEXT NOT NULL, 
	seconds FLOAT NOT NULL, 
	started INTEGER NOT NULL, 
	ended INTEGER, 
	resplit BOOLEAN NOT NULL, 
	testable BOOLEAN NOT NULL, 
	data_id VARCHAR(12) NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (sweep_id, number), 
	FOREIGN KEY(sweep_id) REFERENCES sweeps (id) ON DELETE CASCADE
);
INSERT INTO "trials" VALUES(1,2,0,'search','complete','{"big": 9223372036854775808, "lr": 0.1}','3bd382d108ee',4611686018427387904,0,NULL,1,'','',1.0,0,6,1,1,'0123456789ab');
INSERT INTO "trials" VALUES(2,2,1,'search','stopped','{"big": -9223372036854775808, "lr": 0.05}','57b5001cded2',7,0,NULL,2,'','',0.75,1,7,0,0,'');
INSERT INTO "trials" VALUES(3,2,2,'replicate','failed','{"big": 9223372036854775808, "lr": 0.1}','3bd382d108ee',8,3,0,1,'no file caf\udce9','Traceback:
  it''s "over"',0.0,8,9,0,0,'');
INSERT INTO "trials" VALUES(4,3,0,'search','running','{"big": 9223372036854775808, "lr": 0.03333333333333333}','67973954a6d4',9,0,NULL,1,'','',0.0,0,NULL,0,0,'');
CREATE INDEX trials_by_phase ON trials (sweep_id, phase);
COMMIT;
