// What a store answers when it cannot do what was asked.
#pragma once

#include <string>

#include "base/result.h"

namespace weir::store {

enum class Problem : uint8_t {
  kBusy,        // another writer held the lock longer than busyTimeout; nothing changed, asking again may work
  kExists,      // a row with this key is there already
  kConstraint,  // another rule of the schema refused the change
  kFull,        // no space left
  kReadOnly,
  kCorrupt,  // not a database, or a damaged one
  kForeign,  // a database, but not one of ours
  kNewer,    // written by a newer version of this program
  kOther,    // the file cannot be opened, read or written
};

struct Error {
  Problem problem = Problem::kOther;
  std::string message;  // one line
};

template <class T>
using Result = base::Result<T, Error>;
using Status = Result<base::Nothing>;

}  // namespace weir::store
