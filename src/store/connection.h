// Connection: one open SQLite database, its prepared statements and its transactions.
//
// A database is a file in WAL mode with every commit synced, so that what `commit` acknowledged survives a crash of the
// process or the machine at any later moment. Several connections, in one process or many, may have the same file open:
// readers never wait, writers wait for each other up to `busyTimeout`.
//
// Threads: a connection and what it made belong to one thread at a time.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "store/error.h"

struct sqlite3;
struct sqlite3_stmt;

namespace weir::store {

using Blob = std::vector<std::byte>;
using BlobView = std::span<const std::byte>;

class Connection;

// A running prepared statement. It goes back to its connection's cache when dropped. Errors stay in it: a loop over
// `next` ends, and `ok` tells why.
//
//   auto row = db.query("SELECT name FROM zones WHERE account = ?", account);
//   while (row.next()) names.emplace_back(row.text(0));
//   if (!row.ok()) return row.error();
class Statement {
 public:
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  // Parameters in order; integers, enumerators, bool, text, BlobView, std::optional of these, nullptr for NULL.
  // Text and blobs are borrowed until the statement is dropped.
  template <class T>
  void bind(const T& value) {
    if constexpr (std::is_same_v<T, std::nullptr_t>) {
      bindNull();
    } else if constexpr (std::is_enum_v<T>) {
      bindInteger(static_cast<int64_t>(value));
    } else if constexpr (std::is_integral_v<T>) {
      bindInteger(static_cast<int64_t>(value));
    } else if constexpr (std::is_floating_point_v<T>) {
      bindReal(value);
    } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
      bindText(std::string_view(value));
    } else if constexpr (std::is_convertible_v<const T&, BlobView>) {
      bindBlob(BlobView(value));
    } else {
      if (value.has_value()) bind(*value);
      else bindNull();
    }
  }

  // The next row. False: there is none, or an error.
  [[nodiscard]] bool next();
  bool ok() const { return !error_; }
  const Error& error() const { return *error_; }

  // Columns of the current row from 0. Views die with the next call to `next`. NULL reads as 0 or empty.
  int64_t integer(int column) const;
  double real(int column) const;
  std::string_view text(int column) const;
  BlobView blob(int column) const;
  bool isNull(int column) const;

 private:
  friend class Connection;
  Statement(Connection& connection, std::string_view sql);

  void bindInteger(int64_t value);
  void bindReal(double value);
  void bindText(std::string_view value);
  void bindBlob(BlobView value);
  void bindNull();
  void bound(int outcome);

  Connection* connection_;
  sqlite3_stmt* statement_ = nullptr;
  std::string_view sql_;
  int parameters_ = 0;
  std::optional<Error> error_;
};

class Connection {
 public:
  struct Options {
    bool create = true;  // false: kOther when there is no such file
    bool readOnly = false;
    std::chrono::milliseconds busyTimeout{5'000};
    const char* vfs = nullptr;  // another file system, for tests
  };
  // Opens or creates the file; its directory exists. kForeign or kCorrupt when it is not a database of ours.
  static Result<std::unique_ptr<Connection>> open(const std::string& path, const Options& options);
  ~Connection();

  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  const std::string& path() const { return path_; }

  // One statement with its parameters. `sql` is static text: it is the key of the statement cache.
  template <class... Parameters>
  Statement query(std::string_view sql, const Parameters&... parameters) {
    Statement statement(*this, sql);
    (statement.bind(parameters), ...);
    return statement;
  }
  // The same, run to its end; yields the number of rows it changed.
  template <class... Parameters>
  Result<int64_t> execute(std::string_view sql, const Parameters&... parameters) {
    Statement statement = query(sql, parameters...);
    while (statement.next()) {
    }
    if (!statement.ok()) return statement.error();
    return changes();
  }
  // Several statements without parameters.
  Status run(const std::string& script);

  int64_t lastInsertId() const;
  int64_t changes() const;
  // Another number than before when another connection has committed since; cheap enough to ask fifty times a second.
  Result<uint64_t> dataVersion();
  bool inTransaction() const;

  // Copies everything as of now into a new file, while others go on writing: whole or not at all, whenever it is
  // killed, and readable by its owner alone. kExists when `path` is there.
  Status backup(const std::string& path);

 private:
  friend class Statement;
  explicit Connection(std::string path) : path_(std::move(path)) {}
  Error lastError(int outcome) const;

  std::string path_;
  sqlite3* database_ = nullptr;
  std::unordered_map<std::string_view, std::vector<sqlite3_stmt*>> idle_;
};

// All or nothing: what happened since `begin` is undone unless `commit` succeeded.
class Transaction {
 public:
  // Takes the write lock at once, so that nothing read inside can be outdated by the time it is written.
  static Result<Transaction> begin(Connection& connection);
  // A consistent view for reading.
  static Result<Transaction> beginRead(Connection& connection);
  Transaction(Transaction&& other) noexcept : connection_(std::exchange(other.connection_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  // Durable when it returns ok.
  Status commit();

 private:
  explicit Transaction(Connection& connection) : connection_(&connection) {}

  Connection* connection_;
};

}  // namespace weir::store
