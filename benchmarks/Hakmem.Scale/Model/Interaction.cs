namespace Hakmem.Scale.Model;

/// <summary>What a thread does next that others can notice.</summary>
internal enum Interaction
{
    /// <summary>Nothing: it goes on.</summary>
    None,

    /// <summary>The slow path of an allocation.</summary>
    TakeSlow,

    /// <summary>The slow path of a free.</summary>
    PutSlow,

    /// <summary>A producer passes its table on.</summary>
    Pass,

    /// <summary>A consumer takes a table.</summary>
    Receive,
}
