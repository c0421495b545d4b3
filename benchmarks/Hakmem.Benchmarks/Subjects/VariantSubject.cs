namespace Hakmem.Benchmarks.Subjects;

/// <summary>Hakmem's shared heap under settings of its own, which have to be in force before its first use: what a setting costs or gains.</summary>
internal sealed class VariantSubject(string name, string description, string setting, string value)
    : AllocatorSubject<HakmemSubject>(name, SubjectRole.Variant, description)
{
    public override void Prepare()
    {
        System.AppContext.SetData(setting, value);
        base.Prepare();
    }
}
