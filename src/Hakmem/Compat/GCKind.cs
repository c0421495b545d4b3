namespace Hakmem.Compat;

// Stands in for System.GCKind, of which this library names one.
internal enum GCKind
{
    Any,
}
