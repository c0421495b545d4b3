using System.Collections.Generic;

namespace Xunit;

// A theory's numbers.
public sealed class TheoryData<T> : List<T>;
