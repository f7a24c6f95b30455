// KeySource: where the keys of secrets are: a file of the data directory, or a command that prints them.
//
// Threads: any, but for `write`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "catalog/keyring.h"

namespace weir::cli {

class KeySource {
 public:
  // `command` wins when it is not empty; it is run by /bin/sh.
  KeySource(std::string file, std::string command) : file_(std::move(file)), command_(std::move(command)) {}

  bool isFile() const { return command_.empty(); }
  // As a message names it: the file's path, or the flag.
  const std::string& name() const;

  // Nullopt: there is no file yet. Error: one line that says what to do. A file that others than its owner can read is
  // refused; a command may take 30 seconds.
  base::Result<std::optional<std::vector<catalog::SecretKey>>> read() const;
  // Replaces the file. Only of a file.
  base::Status write(const std::vector<const catalog::SecretKey*>& keys) const;

 private:
  std::string file_;
  std::string command_;
};

}  // namespace weir::cli
