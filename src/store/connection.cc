#include "store/connection.h"

#include <sqlite3.h>

#include <utility>

namespace weir::store {

namespace {

// "weir" in ASCII, so that `file` and we can tell our databases from others.
constexpr int32_t kApplicationId = 0x77656972;
constexpr size_t kIdleStatementsMax = 256;

Problem problemOf(int outcome) {
  switch (outcome & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return Problem::kBusy;
    case SQLITE_CONSTRAINT:
      return outcome == SQLITE_CONSTRAINT_UNIQUE || outcome == SQLITE_CONSTRAINT_PRIMARYKEY ||
                     outcome == SQLITE_CONSTRAINT_ROWID
                 ? Problem::kExists
                 : Problem::kConstraint;
    case SQLITE_FULL: return Problem::kFull;
    case SQLITE_READONLY:
    case SQLITE_PERM: return Problem::kReadOnly;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return Problem::kCorrupt;
    default: return Problem::kOther;
  }
}

}  // namespace

Statement::Statement(Connection& connection, std::string_view sql) : connection_(&connection), sql_(sql) {
  const auto idle = connection.idle_.find(sql);
  if (idle != connection.idle_.end() && !idle->second.empty()) {
    statement_ = idle->second.back();
    idle->second.pop_back();
    return;
  }
  const char* rest = nullptr;
  const int outcome = sqlite3_prepare_v3(connection.database_, sql.data(), static_cast<int>(sql.size()),
                                         SQLITE_PREPARE_PERSISTENT, &statement_, &rest);
  if (outcome != SQLITE_OK) error_ = connection.lastError(outcome);
}

Statement::Statement(Statement&& other) noexcept
    : connection_(other.connection_),
      statement_(std::exchange(other.statement_, nullptr)),
      sql_(other.sql_),
      parameters_(other.parameters_),
      error_(std::move(other.error_)) {}

Statement::~Statement() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
  if (connection_->idle_.size() < kIdleStatementsMax || connection_->idle_.contains(sql_)) {
    connection_->idle_[sql_].push_back(statement_);
  } else {
    sqlite3_finalize(statement_);
  }
}

void Statement::bound(int outcome) {
  if (outcome != SQLITE_OK && !error_) error_ = connection_->lastError(outcome);
}

void Statement::bindInteger(int64_t value) {
  ++parameters_;
  if (ok()) bound(sqlite3_bind_int64(statement_, parameters_, value));
}

void Statement::bindReal(double value) {
  ++parameters_;
  if (ok()) bound(sqlite3_bind_double(statement_, parameters_, value));
}

void Statement::bindText(std::string_view value) {
  ++parameters_;
  if (ok()) {
    bound(sqlite3_bind_text64(statement_, parameters_, value.data() == nullptr ? "" : value.data(), value.size(),
                              SQLITE_STATIC, SQLITE_UTF8));
  }
}

void Statement::bindBlob(BlobView value) {
  ++parameters_;
  if (!ok()) return;
  if (value.empty()) bound(sqlite3_bind_zeroblob(statement_, parameters_, 0));
  else bound(sqlite3_bind_blob64(statement_, parameters_, value.data(), value.size(), SQLITE_STATIC));
}

void Statement::bindNull() {
  ++parameters_;
  if (ok()) bound(sqlite3_bind_null(statement_, parameters_));
}

bool Statement::next() {
  if (!ok()) return false;
  const int outcome = sqlite3_step(statement_);
  if (outcome == SQLITE_ROW) return true;
  if (outcome != SQLITE_DONE) error_ = connection_->lastError(outcome);
  sqlite3_reset(statement_);
  return false;
}

int64_t Statement::integer(int column) const { return sqlite3_column_int64(statement_, column); }

double Statement::real(int column) const { return sqlite3_column_double(statement_, column); }

std::string_view Statement::text(int column) const {
  const auto* data = sqlite3_column_text(statement_, column);
  return data == nullptr ? std::string_view()
                         : std::string_view(reinterpret_cast<const char*>(data),
                                            static_cast<size_t>(sqlite3_column_bytes(statement_, column)));
}

BlobView Statement::blob(int column) const {
  const auto* data = static_cast<const std::byte*>(sqlite3_column_blob(statement_, column));
  return {data, static_cast<size_t>(data == nullptr ? 0 : sqlite3_column_bytes(statement_, column))};
}

bool Statement::isNull(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

Error Connection::lastError(int outcome) const {
  const int extended = database_ == nullptr ? outcome : sqlite3_extended_errcode(database_);
  const char* text = database_ == nullptr ? sqlite3_errstr(outcome) : sqlite3_errmsg(database_);
  return {problemOf(extended), path_ + ": " + text};
}

Result<std::unique_ptr<Connection>> Connection::open(const std::string& path, const Options& options) {
  auto self = std::unique_ptr<Connection>(new Connection(path));
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  if (options.readOnly) flags |= SQLITE_OPEN_READONLY;
  else flags |= SQLITE_OPEN_READWRITE | (options.create ? SQLITE_OPEN_CREATE : 0);
  const int outcome = sqlite3_open_v2(path.c_str(), &self->database_, flags, options.vfs);
  if (outcome != SQLITE_OK) return self->lastError(outcome);
  sqlite3_busy_timeout(self->database_, static_cast<int>(options.busyTimeout.count()));
  if (auto set = self->run("PRAGMA trusted_schema = OFF; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;");
      !set.ok()) {
    return set.error();
  }
  int64_t applicationId = 0;
  {
    auto row = self->query("PRAGMA application_id");
    if (row.next()) applicationId = row.integer(0);
    if (!row.ok()) return row.error();
  }
  if (applicationId != kApplicationId) {
    int64_t tables = 0;
    auto row = self->query("SELECT count(*) FROM sqlite_schema");
    if (row.next()) tables = row.integer(0);
    if (!row.ok()) return row.error();
    if (applicationId != 0 || tables != 0 || options.readOnly) {
      return Error{Problem::kForeign, path + ": this database was not made by weir"};
    }
  }
  if (options.readOnly) return self;
  if (auto set = self->run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"); !set.ok()) return set.error();
  if (applicationId != kApplicationId) {
    if (auto set = self->run("PRAGMA application_id = " + std::to_string(kApplicationId)); !set.ok())
      return set.error();
  }
  return self;
}

Connection::~Connection() {
  for (auto& [sql, statements] : idle_) {
    for (auto* statement : statements) sqlite3_finalize(statement);
  }
  sqlite3_close(database_);
}

Status Connection::run(const std::string& script) {
  const int outcome = sqlite3_exec(database_, script.c_str(), nullptr, nullptr, nullptr);
  if (outcome != SQLITE_OK) return lastError(outcome);
  return base::Nothing{};
}

int64_t Connection::lastInsertId() const { return sqlite3_last_insert_rowid(database_); }

int64_t Connection::changes() const { return sqlite3_changes64(database_); }

Result<uint64_t> Connection::dataVersion() {
  auto row = query("PRAGMA data_version");
  uint64_t version = 0;
  if (row.next()) version = static_cast<uint64_t>(row.integer(0));
  if (!row.ok()) return row.error();
  return version;
}

bool Connection::inTransaction() const { return sqlite3_get_autocommit(database_) == 0; }

Result<Transaction> Transaction::begin(Connection& connection) {
  auto begun = connection.execute("BEGIN IMMEDIATE");
  if (!begun.ok()) return begun.error();
  return Transaction(connection);
}

Result<Transaction> Transaction::beginRead(Connection& connection) {
  auto begun = connection.execute("BEGIN");
  if (!begun.ok()) return begun.error();
  return Transaction(connection);
}

Transaction::~Transaction() {
  // Some errors have rolled back by themselves.
  if (connection_ != nullptr && connection_->inTransaction()) (void)connection_->execute("ROLLBACK");
}

Status Transaction::commit() {
  auto committed = connection_->execute("COMMIT");
  if (!committed.ok()) return committed.error();
  connection_ = nullptr;
  return base::Nothing{};
}

}  // namespace weir::store
