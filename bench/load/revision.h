// SPDX-License-Identifier: MIT
//
// What the tool was built from, by git; "unknown" when it was built without git.
#pragma once

extern const char revision[];
