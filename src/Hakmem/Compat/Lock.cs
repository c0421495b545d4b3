namespace Hakmem.Compat;

// Stands in for System.Threading.Lock. The lock statement takes its monitor, as it does any object's.
internal sealed class Lock;
