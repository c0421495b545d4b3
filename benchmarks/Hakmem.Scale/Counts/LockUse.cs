namespace Hakmem.Scale.Counts;

/// <summary>How often a lock was entered, and how often after a wait.</summary>
internal sealed class LockUse
{
    /// <summary>How often it was entered.</summary>
    public long Entries { get; private set; }

    /// <summary>How often another thread held it then.</summary>
    public long Waits { get; private set; }

    /// <summary>Counts an entry.</summary>
    public void Add(bool isAfterWait)
    {
        Entries++;
        Waits += isAfterWait ? 1 : 0;
    }

    /// <summary>Adds another's counts.</summary>
    public void Add(LockUse other)
    {
        Entries += other.Entries;
        Waits += other.Waits;
    }
}
