// SPDX-License-Identifier: MIT
//
// What the tool was built from, by git; empty when it was built without git.
#pragma once

extern const char revision[];
