// CrashVfs: a file system for tests on which the process, or the whole machine, dies at a chosen write.
//
// It passes everything to the real file system, counting writes, truncations, syncs and deletions. At operation number
// `dieAt` (from 1; a write is done by half) and ever after they fail: what is on disk is what a killed process leaves.
// For Death::kPower `settle` then takes from the files what was never synced, each such write kept, dropped or torn by
// `seed`: what a machine leaves that lost its power.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

struct sqlite3_vfs;

namespace weir::store {

class CrashVfs {
 public:
  enum class Death { kProcess, kPower };

  CrashVfs(Death death, uint64_t dieAt, uint64_t seed);
  ~CrashVfs();

  CrashVfs(const CrashVfs&) = delete;
  CrashVfs& operator=(const CrashVfs&) = delete;

  const char* name() const { return name_.c_str(); }  // for Connection::Options::vfs
  bool dead() const { return dead_; }
  uint64_t operations() const { return operations_; }

  // Once, after the connections are closed.
  void settle();

 private:
  struct Write {
    int64_t offset;
    std::string bytes;
    bool truncates = false;  // to `offset`
  };
  struct Image {
    std::string durable;
    std::vector<Write> pending;
  };
  struct File;
  struct Methods;

  // Counts one operation. False: dead. `dying` tells the one at which it dies.
  bool live(bool& dying);

  std::string name_;
  std::unique_ptr<sqlite3_vfs> vfs_;
  sqlite3_vfs* real_;
  const Death death_;
  const uint64_t dieAt_;
  std::mt19937_64 random_;
  uint64_t operations_ = 0;
  bool dead_ = false;
  std::map<std::string, Image> images_;
};

}  // namespace weir::store
