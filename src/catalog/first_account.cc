#include "catalog/first_account.h"

namespace weir::catalog {

Result<Account> firstAccount(Catalog& catalog) {
  for (int attempt = 0;; ++attempt) {
    auto accounts = catalog.accounts();
    if (!accounts.ok()) return accounts.error();
    if (!accounts->empty()) return accounts->front();
    auto made = catalog.addAccount({kFirstAccountName, Plan::kPaid, {}, kFirstAccountName});
    // Somebody else was first: theirs is there now.
    if (!made.ok() && (made.error().situation != Situation::kAccountExists || attempt > 0)) return made.error();
  }
}

}  // namespace weir::catalog
