-- A cloud's database as schema 0003 wrote it, of a fictional household.
BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0003');
CREATE TABLE consent_limits (
	thing VARCHAR(64) NOT NULL, 
	household_id VARCHAR(32) NOT NULL, 
	granularity VARCHAR(16) NOT NULL, 
	revision BIGINT NOT NULL, 
	PRIMARY KEY (thing)
);
CREATE TABLE dead_letters (
	dead_letter_id INTEGER NOT NULL, 
	household_id VARCHAR(32) NOT NULL, 
	thing VARCHAR(64) NOT NULL, 
	log_id VARCHAR(32) NOT NULL, 
	revision BIGINT, 
	first_seq BIGINT, 
	last_seq BIGINT, 
	code VARCHAR(32) NOT NULL, 
	detail TEXT NOT NULL, 
	received_at_ms BIGINT NOT NULL, 
	seen_count INTEGER NOT NULL, 
	digest BLOB NOT NULL, 
	payload BLOB NOT NULL, 
	PRIMARY KEY (dead_letter_id), 
	CONSTRAINT dead_letters_once UNIQUE (thing, digest)
);
INSERT INTO "dead_letters" VALUES(1,'home','hub-1','',NULL,NULL,NULL,'not-a-frame','envelope of 5 bytes: Expected `array`, got `int`',1772323800000,1,X'05634757BCE62CC42200A92C05FDCA08',X'6E6F697365');
CREATE TABLE frames (
	frame_id INTEGER NOT NULL, 
	household_id VARCHAR(32) NOT NULL, 
	thing VARCHAR(64) NOT NULL, 
	log_id VARCHAR(32) NOT NULL, 
	meter VARCHAR(64) NOT NULL, 
	revision BIGINT NOT NULL, 
	first_seq BIGINT NOT NULL, 
	last_seq BIGINT NOT NULL, 
	first_taken_at_ms BIGINT, 
	last_taken_at_ms BIGINT, 
	received_at_ms BIGINT NOT NULL, 
	digest BLOB NOT NULL, 
	payload BLOB NOT NULL, 
	PRIMARY KEY (frame_id)
);
INSERT INTO "frames" VALUES(1,'home','hub-1','000102030405060708090a0b0c0d0e0f','M1',0,1,20,1772323210000,1772323400000,1772323800000,X'2EFB33C9DACA4D4235D1BF262CB396B2',X'9601C410000102030405060708090A0B0C0D0E0F000114C43B785E9BBAC8D770F2597581735C13220FDE611066C40413A7AECACC2DC82F2A89CF2DCF58C030F92CF38BB3CC2FB1AB9D30719208C30400DCE414E4');
INSERT INTO "frames" VALUES(2,'home','hub-1','000102030405060708090a0b0c0d0e0f','M1',0,26,30,1772323460000,1772323500000,1772323800000,X'8FF8B2A6889713510A33A29644449F09',X'9601C410000102030405060708090A0B0C0D0E0F001A1EC439785E9BBAC8D770F2597581735C13226F4D61048289535765E616E41795C4E796672C60987C96F9C5591626B0D4848993581926000014281334');
CREATE TABLE households (
	household_id VARCHAR(32) NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	zone VARCHAR(64) NOT NULL, 
	PRIMARY KEY (household_id)
);
INSERT INTO "households" VALUES('home','Home','Europe/London');
CREATE TABLE hubs (
	thing VARCHAR(64) NOT NULL, 
	household_id VARCHAR(32) NOT NULL, 
	agent_version VARCHAR(64) NOT NULL, 
	last_seen_ms BIGINT NOT NULL, 
	is_online BOOLEAN NOT NULL, 
	connection_id VARCHAR(64) NOT NULL, 
	receipt_revision BIGINT NOT NULL, 
	dead_letters_refused BIGINT NOT NULL, 
	conflicts BIGINT NOT NULL, 
	logs_refused BIGINT NOT NULL, messages_refused BIGINT DEFAULT '0' NOT NULL, dead_letters_expired BIGINT DEFAULT '0' NOT NULL, store_renewals BIGINT DEFAULT '0' NOT NULL, store_renewed_at_ms BIGINT DEFAULT '0' NOT NULL, store_id VARCHAR(32) DEFAULT '' NOT NULL, consent VARCHAR(16) DEFAULT '' NOT NULL, 
	PRIMARY KEY (thing)
);
INSERT INTO "hubs" VALUES('hub-1','home','0.1.0',1772323800000,1,'a',2,0,0,0,0,0,0,0,'','');
CREATE TABLE logs (
	log_id VARCHAR(32) NOT NULL, 
	household_id VARCHAR(32) NOT NULL, 
	thing VARCHAR(64) NOT NULL, 
	meter VARCHAR(64) NOT NULL, 
	first_seq_held BIGINT, 
	last_seq_held BIGINT, 
	coverage BLOB NOT NULL, 
	receipted_at_ms BIGINT NOT NULL, withheld_count BIGINT DEFAULT '0' NOT NULL, thinned_count BIGINT DEFAULT '0' NOT NULL, damaged_count BIGINT DEFAULT '0' NOT NULL, missing BLOB, hole_since_ms BIGINT, untimed_count BIGINT DEFAULT '0' NOT NULL, 
	PRIMARY KEY (log_id)
);
INSERT INTO "logs" VALUES('000102030405060708090a0b0c0d0e0f','home','hub-1','M1',1,40,X'9293011400931A1E00',1772323800000,0,0,0,NULL,NULL,0);
CREATE TABLE meter_days (
	household_id VARCHAR(32) NOT NULL, 
	meter VARCHAR(64) NOT NULL, 
	register VARCHAR(64) NOT NULL, 
	run VARCHAR(64) NOT NULL, 
	utc_day INTEGER NOT NULL, 
	edges BLOB NOT NULL, 
	PRIMARY KEY (household_id, meter, register, run, utc_day)
);
INSERT INTO "meter_days" VALUES('home','M1','import_mwh','',20513,X'9500CD2710CE000F4628CE00046CD0CD7148');
CREATE TABLE meters (
	household_id VARCHAR(32) NOT NULL, 
	meter VARCHAR(64) NOT NULL, 
	medium VARCHAR(16) NOT NULL, 
	first_taken_at_ms BIGINT, 
	last_taken_at_ms BIGINT, 
	longest_frame_ms BIGINT NOT NULL, frames_pruned BIGINT DEFAULT '0' NOT NULL, 
	PRIMARY KEY (household_id, meter)
);
INSERT INTO "meters" VALUES('home','M1','electricity',1772323210000,1772323500000,190000,0);
CREATE TABLE register_runs (
	household_id VARCHAR(32) NOT NULL, 
	meter VARCHAR(64) NOT NULL, 
	register VARCHAR(64) NOT NULL, 
	run VARCHAR(64) NOT NULL, 
	modulus BIGINT NOT NULL, 
	PRIMARY KEY (household_id, meter, register, run)
);
INSERT INTO "register_runs" VALUES('home','M1','import_mwh','',0);
CREATE TABLE revocations (
	thing VARCHAR(64) NOT NULL, 
	household_id VARCHAR(32) NOT NULL, 
	revoked_at_ms BIGINT NOT NULL, 
	PRIMARY KEY (thing)
);
CREATE TABLE store (
	id INTEGER NOT NULL, 
	store_id VARCHAR(32) NOT NULL, 
	created_at_ms BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "store" VALUES(1,'a483794e125db778d2502972052af4ae',1772323200000);
CREATE TABLE tariffs (
	household_id VARCHAR(32) NOT NULL, 
	meter VARCHAR(64) NOT NULL, 
	revision BIGINT NOT NULL, 
	tariff BLOB NOT NULL, 
	changed_at_ms BIGINT NOT NULL, 
	PRIMARY KEY (household_id, meter)
);
CREATE INDEX ix_hubs_household_id ON hubs (household_id);
CREATE INDEX logs_by_meter ON logs (household_id, meter);
CREATE INDEX logs_by_thing ON logs (thing);
CREATE INDEX frames_by_log ON frames (log_id, last_seq, first_seq);
CREATE INDEX frames_by_meter ON frames (household_id, meter, last_taken_at_ms, first_taken_at_ms);
CREATE INDEX logs_by_hole ON logs (hole_since_ms);
CREATE INDEX frames_by_age ON frames (received_at_ms);
CREATE INDEX dead_letters_by_age ON dead_letters (received_at_ms);
COMMIT;
